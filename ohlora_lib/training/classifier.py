"""Trains one fold of an attribute classifier."""

import copy
import hashlib
import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ohlora_lib.errors import InputError
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.picture_tensors import to_unit
from ohlora_lib.training.options import ClassifierOptions
from ohlora_lib.training.state import TrainingState, locked, tensors_digest

HALF_PERIOD = 10  # epochs from the full learning rate to 0 (cosine, never restarted: it swings)
SAVE_EVERY = 60.0  # seconds between states at least; small networks are trained before the first


@dataclass(frozen=True)
class FoldData:
    """What one fold learns from and is judged by."""

    images: np.ndarray  # uint8 [N, side, side, 3]
    labels: np.ndarray  # 0/1 [N]
    train_rows: np.ndarray  # rows to learn from
    validation_rows: np.ndarray  # rows to judge by

    def digest(self) -> str:
        """Return hex digits that differ for other data."""
        found = hashlib.sha256()
        for array in (self.images, self.labels, self.train_rows, self.validation_rows):
            found.update(np.ascontiguousarray(array))
        return found.hexdigest()


@dataclass
class Fold:
    """A trained fold: the best epoch's network and how it got there."""

    network: AttributeCNN
    loss: float  # validation loss of the best epoch, nats per image
    scores: np.ndarray  # float [n_validation], the best epoch's answers, in the order given
    best_epoch: int  # counted from 0: with a patience of 20, 21 less than the epochs trained
    history: list[dict] = field(default_factory=list)  # per epoch: train_loss, loss, auroc
    attempts: list[dict] = field(default_factory=list)  # per training: loss, epochs, best_epoch


def split(labels: np.ndarray, folds: int, stratified: bool, seed: int) -> list[tuple]:
    """Split rows into folds, shuffled.

    Args:
        labels: 0/1 [N].
        folds: number of folds.
        stratified: keep the share of ones the same in every fold, where there are enough.
        seed: of the shuffle.

    Returns:
        Per fold (rows to train on, rows to validate on).
    """
    # slow to load, and predictions do without
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if stratified else KFold
    splitter = kind(folds, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # `check_answers` says it
        return list(splitter.split(np.zeros(len(labels)), labels))


def check_answers(labels: np.ndarray, folds: int, attribute: str, trained_before: bool) -> None:
    """Refuse labels that teach nothing; say so where they teach little.

    Faces can be so much alike that an answer hardly occurs among them, such as men among those of a
    generator that was trained to draw women. A network that learnt the attribute elsewhere goes on;
    folds without the rarer answer have no AUROC.

    Args:
        labels: 0/1 [N].
        folds: number of folds.
        attribute: its name.
        trained_before: the training starts from a network that already predicts the attribute.

    Raises:
        InputError: all labels are the same, and the network is a new one.
    """
    rarer = min(np.bincount(labels, minlength=2))
    if rarer == 0 and not trained_before:
        raise InputError(
            f"all {len(labels)} labels of {attribute} are {labels[0]}, from which nothing can be "
            "learnt; label more images (labels.count), or begin with a network that was trained "
            f"elsewhere (populations.*.training.{attribute}.start)"
        )
    if rarer < folds:
        print(
            f"only {rarer} of {len(labels)} labels of {attribute} have the rarer answer, fewer "
            f"than the {folds} folds: what it learns of them is little, and says little",
            flush=True,
        )


def train_fold(
    attribute: str,
    data: FoldData,
    options: ClassifierOptions,
    seed: int,
    state_directory: str | Path,
    start: AttributeCNN | None = None,
    device: str = "cpu",
    code: str = "",
) -> Fold:
    """Train until the validation loss stops falling; keep the best epoch; retry a failed training.

    After a kill it resumes from `state_directory`, with the same result.

    Args:
        attribute: its name, see `attribute_cnn.LAYOUTS`.
        data: the images, their labels and the fold's rows.
        options: see `ClassifierOptions`.
        seed: of weights, order and dropout; each attempt has its own stream.
        state_directory: where states go, a folder per attempt.
        start: network whose weights every attempt starts from; new ones when None. (As published, a
            retry would start from new weights at a learning rate meant for trained ones.)
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Raises:
        InputError: no attempt reached `max_loss`.
    """
    attempts: list[dict] = []
    settings = {"options": asdict(options), "code": code, "data": data.digest()}
    with locked(state_directory):
        for attempt in range(options.max_attempts):
            stream = derive_seed(seed, "attempt", attempt)
            torch.manual_seed(stream)
            network = AttributeCNN(attribute, data.images.shape[1]) if start is None else start
            network = copy.deepcopy(network).to(device)
            folder = Path(state_directory) / f"attempt-{attempt + 1}"
            fold = _train_once(network, data, options, stream, folder, settings)
            summary = {
                "loss": fold.loss,
                "best_epoch": fold.best_epoch,
                "epochs": len(fold.history),
            }
            attempts.append(summary)
            print(f"attempt {attempt + 1}: best validation loss {fold.loss:.4f}", flush=True)
            if fold.loss <= options.max_loss:
                fold.attempts = attempts
                return fold
    losses = ", ".join(f"{item['loss']:.3f}" for item in attempts)
    raise InputError(
        f"the {attribute} classifier failed: {options.max_attempts} trainings reached validation "
        f"losses of {losses}, none at most {options.max_loss}; check the labels of {attribute}, "
        f"add more, or raise attributes.{attribute}.max_loss"
    )


def fold_metrics(labels: np.ndarray, scores: np.ndarray, cut: float) -> dict[str, float]:
    """Return accuracy, precision, recall and F1 at `cut`, AUROC, and the mean loss (nats)."""
    answers = scores >= cut
    hits = int((answers & (labels == 1)).sum())
    precision = hits / max(int(answers.sum()), 1)
    recall = hits / max(int((labels == 1).sum()), 1)
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    losses = -np.where(labels == 1, np.log(clipped), np.log(1 - clipped))
    return {
        "loss": float(losses.mean()),
        "accuracy": float((answers == (labels == 1)).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-12),
        "auroc": _auroc(labels, scores),
    }


def _train_once(
    network: AttributeCNN,
    data: FoldData,
    options: ClassifierOptions,
    seed: int,
    state_directory: Path,
    settings: dict[str, Any],
) -> Fold:
    order = np.random.default_rng(seed)
    device = next(network.parameters()).device
    settings = {
        **settings,
        "seed": seed,
        "network": network.config(),
        "start": tensors_digest(network.state_dict()),
    }
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, fused=True)
    targets = torch.from_numpy(data.labels.astype(np.float32)).to(device)
    best = Fold(copy.deepcopy(network).eval(), math.inf, np.empty(0, np.float32), 0)
    state = TrainingState(
        state_directory,
        settings,
        {"network": network, "best": best.network},
        {"optimizer": optimizer},
    )
    epoch, info = state.restore()
    if epoch:
        best.history, best.best_epoch, best.loss = info["history"], info["best_epoch"], info["loss"]
        best.scores = np.array(info["scores"], np.float32)
        order.bit_generator.state = info["order"]
        _set_random_state(info["random"], device)
    saved = time.monotonic()
    while epoch < options.max_epochs and epoch - best.best_epoch <= options.patience:
        rate = 0.5 * options.learning_rate * (1 + math.cos(math.pi * epoch / HALF_PERIOD))
        for group in optimizer.param_groups:
            group["lr"] = max(rate, 1e-3 * options.learning_rate)
        network.train()
        total = 0.0
        for rows in _batches(order.permutation(data.train_rows), options.batch):
            logits = network.logit(to_unit(data.images[rows], device))
            # Summed over the batch, as published.
            loss = F.binary_cross_entropy_with_logits(logits, targets[rows], reduction="sum")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scores = predict(network, data.images[data.validation_rows])
        found = fold_metrics(data.labels[data.validation_rows], scores, options.cut)
        best.history.append(
            {
                "epoch": epoch,
                "train_loss": total / len(data.train_rows),
                "loss": found["loss"],
                "auroc": found["auroc"],
            }
        )
        if epoch == 0 or found["loss"] < best.loss:
            best.network.load_state_dict(network.state_dict())
            best.loss, best.scores, best.best_epoch = found["loss"], scores, epoch
        epoch += 1
        if time.monotonic() - saved >= SAVE_EVERY:
            info = {
                "history": best.history,
                "best_epoch": best.best_epoch,
                "loss": best.loss,
                "scores": best.scores.tolist(),
                "order": order.bit_generator.state,
                "random": _random_state(device),
            }
            state.save(epoch, info)
            saved = time.monotonic()
    return best


def _random_state(device: torch.device) -> dict[str, str]:
    """Return where torch's random streams are, which dropout draws from, as hex digits."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {name: state.numpy().tobytes().hex() for name, state in states.items()}


def _set_random_state(states: dict[str, str], device: torch.device) -> None:
    found = {
        name: torch.frombuffer(bytearray.fromhex(digits), dtype=torch.uint8)
        for name, digits in states.items()
    }
    torch.set_rng_state(found["cpu"])
    if device.type == "cuda" and "cuda" in found:  # a training can go on where there is no GPU
        torch.cuda.set_rng_state(found["cuda"], device)


def _batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """AUROC, or NaN when only one answer occurs."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else float("nan")
