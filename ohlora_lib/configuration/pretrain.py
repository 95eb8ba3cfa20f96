"""Section `pretrain`: training of the drawn domain's shipped weights, never part of a run."""

from typing import Annotated, Literal

from pydantic import Field

from ohlora_lib.configuration.fields import (
    Count,
    NotNegative,
    Positive,
    Section,
    about,
    section,
)
from ohlora_lib.pretraining.options import AdversarialOptions, PairedOptions, ReaderOptions

Portraits = Annotated[int, Field(ge=64)]


class Network(Section):
    """Shape of the generator."""

    resolution: Literal[16, 32, 64, 128] = about("side of a picture, pixels", 64)
    z_dim: Annotated[int, Field(ge=52, multiple_of=4)] = about("width of the latent", 64)
    w_dim: Annotated[int, Field(ge=60)] = about("width of the style vector", 256)
    hidden_dim: Annotated[int, Field(ge=8)] = about("width of the mapping network", 256)
    fmaps_base: Annotated[int, Field(ge=64)] = about(
        "channels at resolution r are fmaps_base / r", 1024
    )
    fmaps_max: Annotated[int, Field(ge=8)] = about("but at most these", 128)


class Paired(Section):
    """First phase, regression on pairs of latent and portrait."""

    mapping_steps: Count = about("steps that fit the mapping network", PairedOptions.mapping_steps)
    kimg: Annotated[list[NotNegative], Field(min_length=1)] = about(
        "thousand pictures at 8, 16, 32, 64 pixels", list(PairedOptions.kimg)
    )
    lr: Positive = about("Adam step size", PairedOptions.lr)


class Adversarial(Section):
    """Second phase, against a discriminator."""

    kimg: NotNegative = about(
        "thousand pictures the generator learns from", AdversarialOptions.kimg
    )
    warmup_steps: Annotated[int, Field(ge=0)] = about(
        "steps in which only the discriminator learns", AdversarialOptions.warmup_steps
    )
    r1_gamma: NotNegative = about("weight of the gradient penalty", AdversarialOptions.r1_gamma)
    paired_weight: NotNegative = about(
        "weight of the loss against the latent's own portrait", AdversarialOptions.paired_weight
    )


class Reader(Section):
    """A network that reads portraits."""

    kimg: Positive = about("thousand pictures seen", ReaderOptions.kimg)


class FacePool(Section):
    """A part of the faces that networks of faces64 learn from."""

    count: Portraits = about("faces drawn", 1500)
    psi: Annotated[list[Positive], Field(min_length=2, max_length=2)] = about(
        "range of the factors by which latents are shortened", [0.75, 1.0]
    )


class FaceParser(Section):
    """The parser of faces64."""

    kimg: Positive = about("thousand pictures seen", 60)


class FaceAnnotator(Section):
    """The annotator of faces64."""

    kimg: Positive = about("thousand pictures seen", 160)
    width: Count = about("channels of its first layer", 32)


class FaceDiscriminator(Section):
    """The discriminator of a generator that was published without one."""

    steps: Count = about("steps of 32 faces and 32 other pictures", 2500)
    fmaps_base: Annotated[int, Field(ge=64)] = about("as in network", 1024)
    fmaps_max: Annotated[int, Field(ge=8)] = about("as in network", 128)


class Faces(Section):
    """Networks of faces64, made from published ones."""

    parts: Count = about("pools of faces to learn from; one more is held out", 7)
    pool: FacePool = section(FacePool, "faces of each pool")
    parser: FaceParser = section(FaceParser, "network that finds hair")
    annotator: FaceAnnotator = section(FaceAnnotator, "network that answers as a person would")
    discriminator: FaceDiscriminator = section(FaceDiscriminator, "adversary for fine-tuning")


class Pretrain(Section):
    """Sizes and budgets of the target pretrain."""

    portraits: Portraits = about("portraits drawn for the generator", 60000)
    reading_portraits: Portraits = about("portraits drawn for the annotator", 14000)
    parsing_portraits: Portraits = about("portraits drawn for the parser", 7000)
    held_out: Annotated[int, Field(ge=50)] = about(
        "portraits that the annotator and parser are tested on", 1000
    )
    judged: Annotated[int, Field(ge=1000)] = about("faces compared with as many renders", 10000)
    network: Network = section(Network, "shape of the generator")
    paired: Paired = section(Paired, "first phase, regression on pairs of latent and portrait")
    adversarial: Adversarial = section(Adversarial, "second phase, against a discriminator")
    annotator: Reader = section(Reader, "network that answers as a person would")
    parser: Reader = section(Reader, "network that finds the parts of a face")
    faces: Faces = section(Faces, "networks of faces64")
