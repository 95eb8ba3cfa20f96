"""Sections of the model half: networks that read scores, the methods, and how they are judged."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ohlora_lib.configuration.domain import one_of
from ohlora_lib.configuration.fields import (
    Count,
    NotNegative,
    Positive,
    Section,
    Share,
    Text,
    about,
    distinct,
    section,
)
from ohlora_lib.methods.directions.method import WAYS
from ohlora_lib.methods.directions.options import ControlOptions, TrainingOptions
from ohlora_lib.methods.finetune.versions import RECIPES, VERSIONS
from ohlora_lib.methods.vectorfind.groups import GROUPING
from ohlora_lib.methods.vectorfind.groups import VERSIONS as SEARCHES
from ohlora_lib.training.options import PropertyOptions

GPUS = "processes that train it together, each on a GPU of its own"
CORES = "the same where there is no GPU, each on a core of its own"
PATIENCE = "epochs without a better validation loss before stopping"
VALIDATION = "share of the images that it is never trained on"
LEARNING_RATE = "AdamW step size; falls to 0 over all epochs"

HalfShare = Annotated[float, Field(gt=0, le=0.5)]
NotBelowZero = Annotated[int, Field(ge=0)]


class PropertyCnn(Section):
    """The network that reads the seven property scores from a picture."""

    population: Text = about("whose filtered faces it learns from", "original")
    learning_rate: Positive = about(LEARNING_RATE, PropertyOptions.learning_rate)
    batch: Count = about("images per step", PropertyOptions.batch)
    epochs: Count = about("passes over the training images at most", PropertyOptions.epochs)
    patience: NotBelowZero = about(PATIENCE, PropertyOptions.patience)
    validation_share: HalfShare = about(VALIDATION, PropertyOptions.validation_share)
    tilt: Annotated[float, Field(ge=0, le=45)] = about(
        "degrees; pose is also learnt from pictures rotated by up to this", 20
    )
    gpus: Count = about(GPUS, 1)
    cores: Count = about(CORES, 1)


class HairstyleCnn(Section):
    """The network that reads the hairstyle score, joined to the seven others."""

    population: str | None = about("whose filtered faces it learns from; null for none", None)
    learning_rate: Positive = about(LEARNING_RATE, 1.5e-3)
    batch: Count = about("images per step", 16)
    epochs: Count = about("passes over the training images at most", PropertyOptions.epochs)
    patience: NotBelowZero = about(PATIENCE, PropertyOptions.patience)
    validation_share: HalfShare = about(VALIDATION, PropertyOptions.validation_share)
    gpus: Count = about(GPUS, 1)
    cores: Count = about(CORES, 1)


class Finetune(Section):
    """One fine-tune."""

    enabled: bool = about("whether a run trains and judges it", True)
    version: Annotated[str, one_of(VERSIONS)] = about(
        "which of the reference's fine-tunes, see docs/finetune.md"
    )
    recipe: Annotated[str, one_of(RECIPES)] = about(
        "what makes it work, or what was done", "corrected"
    )
    population: Text = about("whose filtered faces it learns from", "original")
    steps: Count = about("training steps at most", 600)
    epoch: Count = about("steps between samples, states and protocol checks", 100)
    patience: NotBelowZero = about(
        "epochs without a better protocol check before stopping; 0 for never", 0
    )
    gpus: Count = about(GPUS, 1)
    cores: Count = about(
        f"{CORES}; one where the recipe cannot share a batch",
        1,
    )
    options: dict[str, Any] = about(
        "single switches that differ from the recipe, see ohlora_lib/methods/finetune/options.py",
        {},
    )


class VectorFind(Section):
    """One search for directions, as published."""

    enabled: bool = about("whether a run searches and judges it", True)
    version: Annotated[str, one_of(SEARCHES)] = about(
        "space, groups and share, see ohlora_lib/methods/vectorfind/groups.py"
    )
    finetune: Text = about("whose generator it moves in")
    samples: Annotated[int, Field(ge=100)] = about("pictures drawn for the search", 8000)
    groups: Annotated[list[Annotated[str, one_of(GROUPING)]], AfterValidator(distinct)] | None = (
        about(
            "properties whose medians part faces into groups, [] for one direction for all; null "
            "for the version's",
            None,
        )
    )
    share: HalfShare | None = about(
        "of a group, the highest and the lowest, that are parted; null for the version's", None
    )


class ReferenceSwitches(Section):
    """Defects of the published evaluation that are repeated, see docs/references.md."""

    style_mixing: Share = about(
        "probability that a picture mixes two latents (kind finetune), published of v1: 0.9", 0
    )
    unit_steps: bool = about(
        "a request is the length of a step, not a score (kind vectorfind)", False
    )
    dropout: bool = about("the judge cnn keeps its dropout on", False)


class Reference(Section):
    """One finished model that somebody else trained."""

    enabled: bool = about("whether a run judges it", True)
    kind: Literal["finetune", "vectorfind"] = about(
        "a generator with scores as its label, or directions in a generator"
    )
    version: Annotated[str, one_of([*VERSIONS[:-1], *SEARCHES, VERSIONS[-1]])] = about(
        "which of the reference's models: says what its label means, and whose published figures "
        "stand beside"
    )
    population: Text = about("whose filtered faces its pictures are compared with", "original")
    generator: Text = about("checkpoint of the generator")
    vectors: str | None = about("checkpoint of the directions (kind vectorfind)", None)
    property_cnn: str | None = about(
        "checkpoint that predicts a face's group (kind vectorfind); null for the run's own", None
    )
    encoder: str | None = about(
        "checkpoint of the encoder that latents are drawn around (version v3); null for N(0, 1)",
        None,
    )
    as_published: ReferenceSwitches = section(
        ReferenceSwitches, "repeat defects of the published evaluation, see docs/references.md"
    )


class Saturation(Section):
    """Test of how many samples a search needs."""

    sizes: Annotated[list[Annotated[int, Field(ge=100)]], Field(min_length=1)] = about(
        "numbers of samples; those beyond what is drawn are left out", [250, 750, 2000, 6000]
    )
    latents: Count = about("faces tested with each", 30)


class DirectionTraining(Section):
    """Gradient descent of the trained directions."""

    steps: Count = about("training steps", TrainingOptions.steps)
    batch: Count = about("faces per step", TrainingOptions.batch)
    lr: Positive = about(
        "Adam step size, in units of the mean size of a direction's entries", TrainingOptions.lr
    )
    reach: Positive = about(
        "requests are uniform within plus or minus this many score units", TrainingOptions.reach
    )
    others: NotNegative = about("weight of what shall not change", TrainingOptions.others)
    content: NotNegative = about("weight of the length of a step", TrainingOptions.content)


class ControlTraining(Section):
    """Training of the control network, and how often its pictures are measured."""

    steps: Count = about("training steps", ControlOptions.steps)
    batch: Count = about("faces per step", ControlOptions.batch)
    lr: Positive = about("Adam step size; falls to 0 along a cosine", ControlOptions.lr)
    width: Count = about("units of each of its three hidden layers", ControlOptions.width)
    spread: Positive = about(
        "standard deviation of the requests it learns from, in score units", ControlOptions.spread
    )
    reach: Positive = about(
        "requests lie within plus or minus this many score units, and within what faces score",
        ControlOptions.reach,
    )
    others: NotNegative = about("weight of what shall not change", ControlOptions.others)
    pixels: NotNegative = about("weight of the change of the picture", ControlOptions.pixels)
    length: NotNegative = about("weight of the latent's growth", ControlOptions.length)
    rounds: Count = about(
        "measurements of a picture; 1 measures the face as it is, more also correct what is drawn",
        ControlOptions.rounds,
    )


class Directions(Section):
    """Calibrated, decoupled directions, fitted in several ways that build on each other."""

    enabled: bool = about("whether a run fits and judges them", False)
    finetune: Text = about("whose generator they move in", "v8")
    samples: Annotated[int, Field(ge=300)] = about("pictures drawn for the fit", 8000)
    ways: Annotated[
        list[Annotated[str, one_of(WAYS)]], Field(min_length=1), AfterValidator(distinct)
    ] = about("the ways to judge; each starts from another one or from none", list(WAYS))
    saturation: Saturation = section(Saturation, "test of how many samples a search needs")
    training: DirectionTraining = section(
        DirectionTraining, "gradient descent of the trained directions"
    )
    control: ControlTraining = section(ControlTraining, "training of the control network")


class Judging(Section):
    """Pictures that every method is judged by, once by each judge."""

    latents: Count = about(
        "latents that get every request of the published and of the nine-level grid", 100
    )
    joint_latents: Count = about(
        "latents that get all 125 combinations of five levels, the first ones", 8
    )
    random_images: Annotated[int, Field(ge=2)] = about(
        "pictures with a latent and a request of their own, for quality and diversity", 1000
    )
    tsne_points: Annotated[int, Field(ge=4)] = about("samples that a t-SNE panel shows", 200)
    bootstrap: Count = about("samples of the 95 % intervals", 1000)


class Selection(Section):
    """The method whose latents are ranked and whose model is shipped."""

    method: str | None = about("e.g. directions_closed_loop; null for none", None)
