"""One fine-tune from files to files: what the rules of rules/finetune.smk call."""

import contextlib
import importlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ohlora_lib.methods.finetune.drawing import set_mean_w
from ohlora_lib.methods.finetune.loop import Diverged, Trained, train_finetune
from ohlora_lib.methods.finetune.objective import Given, Objective, labelling
from ohlora_lib.methods.finetune.options import FinetuneOptions, check_processes
from ohlora_lib.methods.finetune.training_faces import read_faces
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.files import load_discriminator, load_generator, load_network, save_network
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.tables import write_checksum
from ohlora_lib.training.distributed import Ranks
from ohlora_lib.training.state import locked

RESCUED = "last_good"  # folder beside the state, for what a training had learnt when it diverged


def finetune(
    folder: str | Path,
    state: str | Path,
    *,
    images: Sequence[str | Path],
    scores: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    discriminator: str | Path | None = None,
    attribute_cnns: Sequence[str | Path] = (),
    wanted: Mapping[str, bool] | None = None,
    name: str,
    recipe: str,
    options: FinetuneOptions,
    seed: int,
    code: str = "",
    device: str = "cpu",
) -> None:
    """Train one version and write what it made into its folder.

    Writes `generator.safetensors`, `train_log.csv`, `samples/` and, by objective,
    `discriminator.safetensors` or `encoder.safetensors` with `posterior.parquet` (the latent
    distribution of every face: `id`, `mu`, `log_variance`).

    Args:
        folder: of the results.
        state: folder of the resumable state.
        images: image shards of the population.
        scores: table of the scores that are the faces' labels.
        generator: checkpoint to start from.
        property_cnn: checkpoint of the property CNN.
        discriminator: checkpoint to start from, for objectives with a StyleGAN discriminator.
        attribute_cnns: checkpoints of the attribute classifiers that `options.attributes` names.
        wanted: the answers to train for, by attribute.
        name: of the fine-tune; noted in its checkpoint.
        recipe: what the options are a choice of, such as "v2 corrected"; noted beside them.
        options: see `FinetuneOptions`; printed, and noted in the checkpoint.
        seed: the run's seed.
        code: digest of the code that trains; a state made by other code is not resumed.
        device: torch device name.

    Raises:
        FloatingPointError: the training diverged; what it had learnt is then in `last_good/` beside
            its state, in the same files.
        ValueError: more processes train together than these options allow.
        InputError: another process trains with the same state.
    """
    ranks = Ranks(device)
    check_processes(options, ranks.number)
    if ranks.first:
        print(f"{name}, recipe {recipe}:")
        print("\n".join(f"  {key}: {value}" for key, value in asdict(options).items()), flush=True)
    stream = _stream(seed, name)
    torch.manual_seed(stream)
    base = load_generator(generator).to(device)
    known = read_checkpoint(generator).provenance.get("labels", ())
    given = Given(
        faces=read_faces(images, scores, options.labels),
        generator=base.with_labels(labelling(options, known)).to(device).train(),
        base=base.requires_grad_(False),
        property_cnn=load_network(property_cnn, PropertyCNN.kind).to(device),
        device=device,
        ranks=ranks,
    )
    if discriminator is not None:
        given.discriminator = load_discriminator(discriminator)
    cnns = [load_network(path, AttributeCNN.kind) for path in attribute_cnns]
    given.attribute_cnns = [cnn.to(device) for cnn in cnns]
    given.wanted = wanted or {}
    objective = make_objective(given, options, stream)
    job = {"name": name, "recipe": recipe, "seed": seed}
    rescued = Path(state) / RESCUED
    with locked(state) if ranks.first else contextlib.nullcontext():
        ranks.agree(None)  # none of the others reads a state before the folder is ours
        try:
            trained = train_finetune(objective, given, options, state, stream, code)
        except Diverged as error:
            if error.trained is None:
                raise
            if ranks.first:
                _write(rescued, Path(state), objective, error.trained, options, job)
            ranks.agree(None)  # the first process to end ends all
            raise FloatingPointError(
                f"{error}; its networks after epoch {error.trained.epoch} are in {rescued}"
            ) from error
        if ranks.first:
            _write(Path(folder), Path(state), objective, trained, options, job)
            shutil.rmtree(rescued, ignore_errors=True)  # of an earlier training


def _write(
    folder: Path,
    state: Path,
    objective: Objective,
    trained: Trained,
    options: FinetuneOptions,
    job: dict[str, Any],
) -> None:
    """Write what `finetune` promises; `job` goes to the provenance with what is added here."""
    generator = trained.networks["generator"]
    set_mean_w(generator, derive_seed(_stream(job["seed"], job["name"]), "mean w"))
    provenance = {
        **job,
        "options": asdict(options),
        "labels": list(options.labels),
        "conditional_truncation": None,
        "epoch": trained.epoch,
        "check": trained.check,
        "steps": trained.steps,
        "stopped_early": trained.steps < options.steps,
    }
    if options.truncation_psi != 1:
        # 1,000 latents as published, whatever the training made do with
        provenance["conditional_truncation"] = {"psi": options.truncation_psi, "samples": 1000}
    objective.write(folder, trained.networks, provenance)
    samples = folder / "samples"
    shutil.rmtree(samples, ignore_errors=True)
    shutil.copytree(state / "samples", samples)
    shutil.copyfile(state / "log.csv", folder / "train_log.csv")
    write_checksum(folder / "train_log.csv")
    save_network(folder / "generator.safetensors", generator, provenance)


def _stream(seed: int, name: str) -> int:
    return derive_seed(seed, "finetune", name)


def make_objective(given: Given, options: FinetuneOptions, seed: int) -> Objective:
    """Return the loss that the options name, ready to train.

    Its module is imported only when needed, so that a job's code digest covers no other objective.
    """
    module = importlib.import_module(f"{__package__}.{options.objective}")
    return module.OBJECTIVE(given, options, seed)
