"""The jobs of `snakemake pretrain`: from renders to the embedded domain's four checkpoints."""

from pathlib import Path

import torch

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.pretraining.paired import (
    PairedOptions,
    calibrate_styles,
    fit_mapping,
    style_axes,
    train_synthesis,
)
from ohlora_lib.pretraining.parser_and_annotator import (
    ReaderOptions,
    annotator_accuracy,
    parser_iou,
    train_annotator,
    train_parser,
)
from ohlora_lib.pretraining.portrait_pool import open_pool
from ohlora_lib.pretraining.sharpen import AdversarialOptions, train_adversarial
from ohlora_lib.seeds import derive_seed


def pretrain_paired(
    pool: str | Path,
    weights_path: str | Path,
    state: str | Path,
    network: dict,
    options: dict,
    seed: int,
    device: str = "cpu",
    code: str = "",
) -> None:
    """First phase of the generator; see `paired`.

    Args:
        pool: folder of portraits and latents.
        weights_path: checkpoint to write.
        state: folder of the resumable state.
        network: the generator's arguments.
        options: fields of `PairedOptions`.
        seed: the run's seed.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.
    """
    torch.manual_seed(derive_seed(seed, "generator"))
    generator = StyleGANGenerator(**network)
    settings = PairedOptions(**{**options, "kimg": tuple(options["kimg"])}, seed=seed)
    axes = style_axes(generator.w_dim, seed)
    average = train_synthesis(generator, open_pool(pool), axes, settings, state, device, code)
    missed = fit_mapping(average, axes, settings, device)
    provenance = {"phase": "paired", "seed": seed, "mapping_missed_variance": missed}
    save_network(weights_path, average, provenance)


def pretrain_adversarial(
    pool: str | Path,
    paired: str | Path,
    generator_path: str | Path,
    discriminator_path: str | Path,
    state: str | Path,
    options: dict,
    seed: int,
    device: str = "cpu",
    code: str = "",
) -> None:
    """Second phase: generator and discriminator; see `adversarial`.

    Args:
        pool: folder of portraits and latents.
        paired: checkpoint of the first phase.
        generator_path: checkpoint to write.
        discriminator_path: checkpoint to write.
        state: folder of the resumable state.
        options: fields of `AdversarialOptions`.
        seed: the run's seed, as in the first phase.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.
    """
    generator = load_network(paired, StyleGANGenerator.kind).requires_grad_(True)
    config = generator.config()
    torch.manual_seed(derive_seed(seed, "discriminator"))
    shape = {key: config[key] for key in ("resolution", "fmaps_base", "fmaps_max")}
    discriminator = StyleGANDiscriminator(**shape)
    settings = AdversarialOptions(**options, seed=seed)
    axes = style_axes(generator.w_dim, seed)
    average, discriminator = train_adversarial(
        generator, discriminator, open_pool(pool), axes, settings, state, device, code
    )
    average = average.cpu()
    calibrate_styles(average, axes, seed)
    save_network(generator_path, average, {"phase": "adversarial", "seed": seed})
    save_network(discriminator_path, discriminator, {"phase": "adversarial", "seed": seed})


def pretrain_parser(
    pool: str | Path,
    held_out: str | Path,
    weights_path: str | Path,
    state: str | Path,
    options: dict,
    seed: int,
    code: str = "",
) -> None:
    """Face parser, with its intersection over union on held-out renders in the provenance."""
    network = train_parser(open_pool(pool), ReaderOptions(**options, seed=seed), state, code)
    save_network(weights_path, network, {"iou": parser_iou(network, open_pool(held_out))})


def pretrain_annotator(
    pool: str | Path,
    held_out: str | Path,
    weights_path: str | Path,
    state: str | Path,
    options: dict,
    seed: int,
    code: str = "",
) -> None:
    """Annotator, with its accuracy on held-out renders in the provenance."""
    network = train_annotator(open_pool(pool), ReaderOptions(**options, seed=seed), state, code)
    accuracy = annotator_accuracy(network, open_pool(held_out))
    save_network(weights_path, network, {"accuracy": accuracy})
