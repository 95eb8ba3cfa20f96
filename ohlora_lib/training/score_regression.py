"""Trains the property and hairstyle score CNNs on segmentation scores."""

import contextlib
import copy
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ohlora_lib.errors import InputError
from ohlora_lib.networks.hair_texture import hair_shares
from ohlora_lib.networks.property_cnn import HairstyleCNN, PropertyCNN, predict
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.training.distributed import Ranks
from ohlora_lib.training.options import PropertyOptions
from ohlora_lib.training.state import TrainingState, locked

UNSTABLE = "background_std"  # left out of the loss that stops a training
TILTED = "pose"  # whose algorithm v2 gives the slope of the line through the eyes
HAIR_WEIGHT = 10.0  # nats per pixel of the map against squared standard deviations of the score


@dataclass(frozen=True)
class ScoredFaces:
    """What a network learns from and is judged by."""

    images: np.ndarray  # uint8 [N, side, side, 3]
    scores: np.ndarray  # [N, outputs] z-scores as the network has them; NaN counts in no loss
    train_rows: np.ndarray  # rows to learn from
    validation_rows: np.ndarray  # rows to judge by
    hair: np.ndarray | None = None  # where hair is, uint8 [N, 224, 28]: the bits of a map's rows
    pose_unit: tuple[float, float] | None = None  # mean and std of raw poses, to know what tilts do

    def digest(self) -> str:
        """Return hex digits that differ for other data."""
        found = hashlib.sha256(repr(self.pose_unit).encode())
        arrays = (self.images, self.scores, self.train_rows, self.validation_rows, self.hair)
        for array in arrays:
            if array is not None:
                found.update(np.ascontiguousarray(array))
        return found.hexdigest()

    def check(self, outputs: Sequence[str]) -> None:
        """See that every output has a score among the rows of either kind.

        Raises:
            InputError: one has none.
        """
        for rows, purpose in (
            (self.train_rows, "learn from"),
            (self.validation_rows, "validate on"),
        ):
            absent = np.isnan(self.scores[rows]).all(axis=0)
            if absent.any():
                raise InputError(
                    f"no image to {purpose} has a score of {outputs[int(absent.argmax())]}, "
                    "so no network can learn it; generate more images (populations.*.images)"
                )


@dataclass(frozen=True)
class Trained:
    """The best epoch's network and how it got there."""

    network: PropertyCNN | HairstyleCNN  # in eval mode
    best_epoch: int  # from 1
    history: list[dict]  # per epoch: losses and correlations, see `validate`


def split(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows 0..count-1 at random.

    Returns:
        Rows to train on and rows to validate on, ascending; at least 2 of these.

    Raises:
        InputError: too few rows.
    """
    held_out = max(round(count * share), 2)
    if count < 2 * held_out:
        raise InputError(
            f"only {count} images have property scores, too few to train the property CNN; "
            "generate more images (populations.*.images) or filter less (populations.*.filter)"
        )
    order = rng(seed, "split").permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def train_property_cnn(
    data: ScoredFaces,
    options: PropertyOptions,
    seed: int,
    state_directory: str | Path,
    kind: type[PropertyCNN] | type[HairstyleCNN] = PropertyCNN,
    device: str = "cpu",
    code: str = "",
    arguments: Mapping[str, Any] | None = None,
) -> Trained:
    """Train until the validation loss stops falling; resumes from `state_directory` after a kill.

    Several processes end with the same network (see `training.distributed`). The best epoch's
    network is then calibrated, see `calibrate`. No flips: pose has a sign, and
    mirrored pictures taught the hairstyle more slowly (.73 instead of .76 after ten epochs).

    Args:
        data: the faces; a network that `learns_hair`, and no other, needs `hair`, and one that
            learns from rotated pictures (`options.tilt`) `pose_unit`.
        options: see `PropertyOptions`.
        seed: of weights, order and dropout.
        state_directory: where the state of every epoch goes.
        kind: which network.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.
        arguments: constructor arguments of the network, besides its resolution.

    Raises:
        InputError: a property has no score at all among the rows to learn from or to judge by.
        ValueError: `options.tilt` without `data.pose_unit`.
        FloatingPointError: the loss is not finite; the last good state is kept.
    """
    if options.tilt and data.pose_unit is None:
        raise ValueError("to learn from rotated pictures, pose_unit is needed")
    data = replace(data, scores=data.scores.astype(np.float32))
    ranks = Ranks(device)
    lock = locked(state_directory) if ranks.first else contextlib.nullcontext()
    with torch.random.fork_rng(), lock:
        torch.manual_seed(derive_seed(seed, "weights"))
        network = kind(data.images.shape[1], **arguments or {}).to(device)
        data.check(network.outputs)
        if not getattr(network, "learns_hair", False):
            data = replace(data, hair=None)
        best = copy.deepcopy(network).eval()
        optimizer = torch.optim.AdamW(network.parameters(), options.learning_rate, fused=True)
        ranks.spread(network, optimizer)
        state = TrainingState(
            state_directory,
            {
                **asdict(options),
                "seed": seed,
                "code": code,
                "data": data.digest(),
                "network": network.config(),
            },
            {"network": network, "best": best},
            {"optimizer": optimizer},
        )
        epoch, info = state.restore()
        best_epoch, history = info.get("best_epoch", 0), info.get("history", [])
        while epoch < options.epochs and epoch - best_epoch <= options.patience:
            epoch += 1
            train_loss = _train_epoch(network, optimizer, data, options, epoch, seed, ranks)
            answers = predict(network, data.images[data.validation_rows])
            scores = data.scores[data.validation_rows]
            found = ranks.agree(validate(network.outputs, scores, answers))
            if not np.isfinite([train_loss, found["loss"]]).all():
                raise FloatingPointError(
                    f"the loss is not finite in epoch {epoch}; the state before it is in "
                    f"{state_directory}"
                )
            history.append({"epoch": epoch, "train_loss": train_loss, **found})
            reached = "loss_without_background_std"
            if not best_epoch or found[reached] < history[best_epoch - 1][reached]:
                best_epoch = epoch
                best.load_state_dict(network.state_dict())
            if ranks.first:
                print(_status(history[-1], options.epochs, network.outputs), flush=True)
                state.save(epoch, {"best_epoch": best_epoch, "history": history})
    calibrate(best, data.images[data.train_rows], data.scores[data.train_rows])
    return Trained(best, best_epoch, history)


def validate(outputs: tuple[str, ...], scores: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Compare answers with scores, leaving out missing scores.

    Args:
        outputs: what the columns are.
        scores: [N, outputs], NaN where missing.
        found: [N, outputs].

    Returns:
        `loss`, the mean over the properties of their mean squared errors,
        `loss_without_background_std`, and `corr_<property>`.
    """
    errors = np.nanmean((found - scores) ** 2, axis=0, dtype=np.float64)
    rest = errors[[name != UNSTABLE for name in outputs]]
    correlations = {
        f"corr_{name}": agreement(scores[:, column], found[:, column])["correlation"]
        for column, name in enumerate(outputs)
    }
    return {
        "loss": float(errors.mean()),
        "loss_without_background_std": float(rest.mean()),
        **correlations,
    }


def agreement(scores: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Return correlation, mean absolute and root mean squared error of pairs without NaN.

    The correlation is NaN where it is not defined, and so is all without pairs.
    """
    known = np.isfinite(scores) & np.isfinite(found)
    scores, found = scores[known].astype(np.float64), found[known].astype(np.float64)
    if not len(scores):
        return dict.fromkeys(("correlation", "mae", "rmse"), math.nan)
    varied = len(scores) > 1 and np.ptp(scores) > 0 and np.ptp(found) > 0
    return {
        "correlation": float(np.corrcoef(scores, found)[0, 1]) if varied else math.nan,
        "mae": float(np.abs(found - scores).mean()),
        "rmse": float(np.sqrt(((found - scores) ** 2).mean())),
    }


@torch.no_grad()
def calibrate(network: PropertyCNN | HairstyleCNN, images: np.ndarray, scores: np.ndarray) -> None:
    """Scale and shift each output so that it fits the scores best, in eval mode.

    Dropout makes a network learn answers that are up to a tenth too large or small without it.

    Args:
        network: changed in place: the last layers' weights and biases.
        images: uint8 [N, side, side, 3], those it has learnt from.
        scores: [N, outputs], NaN where missing.
    """
    found = predict(network, images).astype(np.float64)
    for branch in network.branches():
        for row, name in enumerate(branch.outputs):
            column = network.outputs.index(name)
            known = np.isfinite(scores[:, column])
            x, y = found[known, column], scores[known, column].astype(np.float64)
            if x.var() < 1e-6:
                continue
            slope = float(((x - x.mean()) * (y - y.mean())).mean() / x.var())
            branch.fc_final.weight[row] *= slope
            branch.fc_final.bias[row] *= slope
            branch.fc_final.bias[row] += float(y.mean() - slope * x.mean())


def _train_epoch(
    network: PropertyCNN | HairstyleCNN,
    optimizer: torch.optim.Optimizer,
    data: ScoredFaces,
    options: PropertyOptions,
    epoch: int,
    seed: int,
    ranks: Ranks,
) -> float:
    """Pass once over the faces and return the mean squared error over all scores there are."""
    stream = derive_seed(seed, "epoch", epoch)
    torch.manual_seed(stream)  # dropout
    order = rng(stream).permutation(data.train_rows)
    tilts = rng(stream, "tilts")
    device = next(network.parameters()).device
    network.train()
    total = count = 0.0
    for start in range(0, len(order), options.batch):
        part = order[start : start + options.batch]
        done = (epoch - 1 + start / len(order)) / options.epochs
        for group in optimizer.param_groups:
            group["lr"] = 0.5 * options.learning_rate * (1 + math.cos(math.pi * done))
        scored = int(np.isfinite(data.scores[part]).sum())
        own = part[ranks.rows(len(part))]
        wanted = torch.from_numpy(data.scores[own]).to(device)
        known = wanted.isfinite()
        pictures = to_float(data.images[own], device)
        found, found_hair = (
            (network(pictures), None) if data.hair is None else network.score_and_hair(pictures)
        )
        errors = (found - wanted)[known].square()
        squares = errors.sum()
        if options.tilt:
            degrees = tilts.uniform(-options.tilt, options.tilt, len(part))
            pose = data.scores[part, network.outputs.index(TILTED)]
            lines = eye_lines(pose, data.pose_unit)  # of the whole batch: all share the work
            if len(lines):
                mine = lines[ranks.rows(len(lines))]
                upright = to_float(data.images[part[mine]], device)
                turned, wanted = tilt(upright, pose[mine], degrees[mine], data.pose_unit)
                squares = squares + (network(turned, [TILTED])[:, 0] - wanted).square().sum()
        # gradients are averaged over processes, but the mean is over all scores
        loss = ranks.number * squares / max(scored, 1)
        if data.hair is not None:
            share = ranks.number * len(own) / len(part)  # a mean over pictures, too
            loss = loss + HAIR_WEIGHT * share * _hair_loss(found_hair, data.hair[own])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += errors.sum().item()
        count += scored
    return ranks.number * ranks.mean({"total": total})["total"] / count


def eye_lines(pose: np.ndarray, unit: tuple[float, float]) -> np.ndarray:
    """Return the rows of pictures with a line through the eyes, ascending.

    Of the others the pose (algorithm v2) is missing, or a raw score of 0 stands for absent eyes.

    Args:
        pose: [N] z-scores, NaN where missing.
        unit: mean and standard deviation of the raw scores.
    """
    mean, std = unit
    raw = mean + std * pose.astype(np.float64)
    return np.flatnonzero(np.isfinite(raw) & (np.abs(raw) > 1e-4 * std))


def tilt(
    pictures: Tensor, pose: np.ndarray, degrees: np.ndarray, unit: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Rotate pictures about their centre, and return the pose (algorithm v2) that they then have.

    Algorithm v2 is the slope of the line through the eyes, so the score follows from the angle
    (where faces are cut out square; other cuts stretch slopes).

    Args:
        pictures: [N, 3, H, W], square, with such a line (see `eye_lines`).
        pose: [N] z-scores.
        degrees: [N], positive lowers the eye at the right of the picture.
        unit: mean and standard deviation of the raw scores.

    Returns:
        The rotated pictures, reflected where nothing is known, and their z-scores [N].
    """
    if not len(pictures):
        return pictures, pictures.new_zeros(0)
    mean, std = unit
    raw = mean + std * pose.astype(np.float64)
    angles = np.deg2rad(degrees)
    wanted = (np.tan(np.arctan(raw) + angles) - mean) / std
    back = np.zeros((len(pictures), 2, 3))  # where a place of the rotated picture comes from
    back[:, 0, 0] = back[:, 1, 1] = np.cos(angles)
    back[:, 0, 1] = np.sin(angles)
    back[:, 1, 0] = -np.sin(angles)
    places = torch.from_numpy(back).to(pictures)
    grid = F.affine_grid(places, list(pictures.shape), align_corners=False)
    turned = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return turned, torch.from_numpy(wanted).to(pictures)


def _hair_loss(found: Tensor, hair: np.ndarray) -> Tensor:
    """Return the mean cross-entropy of log odds and maps, whose rows are packed into bits.

    Without pictures it is 0, and passes gradients of 0.
    """
    if not len(found):
        return found.sum()
    maps = torch.from_numpy(np.unpackbits(hair, axis=-1)).bool().to(found.device)
    return F.binary_cross_entropy_with_logits(found, hair_shares(maps, found.shape[2]))


def _status(row: dict, epochs: int, outputs: tuple[str, ...]) -> str:
    """Return one aligned line about an epoch."""
    losses = f"train {row['train_loss']:.4f}    validation {row['loss']:.4f}"
    losses += f"    without background_std {row['loss_without_background_std']:.4f}"
    correlations = "  ".join(f"{name} {row[f'corr_{name}']:.3f}" for name in outputs)
    return f"epoch {row['epoch']:3d}/{epochs}    {losses}    correlation: {correlations}"
