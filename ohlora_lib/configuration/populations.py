"""Sections `populations` and `attributes`: images, labels, what is learnt and what is kept."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ohlora_lib.configuration.fields import (
    Count,
    Positive,
    Section,
    Share,
    Text,
    about,
    distinct,
)
from ohlora_lib.training.options import ClassifierOptions as Defaults

MOST_IMAGES = 1_000_000


class ImagesFrom(Section):
    """Finished pictures in place of generated ones."""

    folder: Text = about(
        "PNG or JPEG files, RGB, at the domain's resolution; images of them are taken, the first "
        "ones"
    )
    numbers: Literal["names", "order"] = about(
        "names: a file's name is its number (000000.jpg); order: files are numbered in the order "
        "of their names",
        "names",
    )


class Labels(Section):
    """Answers of a person, or of the simulated annotator."""

    count: Annotated[int, Field(ge=2)] = about("images labelled by hand, the first ones")
    csv: str | None = about("table of hand labels; null for the simulated annotator", None)
    error_rate: Annotated[float, Field(ge=0, le=0.5)] = about(
        "share of the rarer answer that the simulated annotator gets wrong, each way", 0.02
    )


class Condition(Section):
    """One range of the filter."""

    min: Share = about("lowest score that passes", None)
    max: Share = about("highest score that passes", None)
    share: Annotated[float, Field(gt=0, le=1)] = about(
        "share of the images that passes on that side, where limits do not suit the networks", None
    )


class AttributeChanges(Section):
    """How an attribute's training differs in a population; what is left out stays."""

    start: Text = about("population whose first fold the training starts from", None)
    stratified: bool = about("same share of each answer in every fold", None)
    max_loss: Positive = about(
        "a fold above this validation loss is trained again, nats per image", None
    )
    cut: Share = about("score from which the answer counts as yes", None)
    learning_rate: Annotated[float, Field(gt=0, le=1)] = about("AdamW step size", None)
    batch: Count = about("images per training step", None)
    patience: Count = about("epochs without improvement before stopping", None)
    max_epochs: Count = about("epochs at most", None)
    max_attempts: Count = about("trainings of a fold before giving up", None)


class Attribute(Section):
    """Training of one attribute CNN; defaults are those published."""

    folds: Annotated[int, Field(ge=2, le=20)] = about("cross-validation folds", 5)
    stratified: bool = about("same share of each answer in every fold", False)
    max_loss: Positive = about("a fold above this validation loss is trained again, nats per image")
    cut: Share = about("score from which the answer counts as yes", Defaults.cut)
    learning_rate: Annotated[float, Field(gt=0, le=1)] = about(
        "AdamW step size", Defaults.learning_rate
    )
    batch: Count = about("images per training step", Defaults.batch)
    patience: Count = about("epochs without improvement before stopping", Defaults.patience)
    max_epochs: Count = about("epochs at most", Defaults.max_epochs)
    max_attempts: Count = about("trainings of a fold before giving up", Defaults.max_attempts)


class Population(Section):
    """A set of images with one recipe."""

    enabled: bool = about("whether a run makes it", True)
    generator: str | None = about("checkpoint; null for the domain's generator", None)
    finetune: str | None = about("fine-tune whose generator draws the images; null for none", None)
    images: Annotated[int, Field(ge=1, le=MOST_IMAGES)] = about("images to generate or import")
    images_from: ImagesFrom | None = about(
        "finished pictures in place of generated ones; null to generate", None
    )
    as_published: bool = about(
        "true repeats the published defect: batches of 4, 90 % of them style-mixed", False
    )
    truncation_psi: Share = about("factor that pulls latents to their mean; 1 is none", 1.0)
    labels: Labels = Field(description="answers for the first images")
    attributes: Annotated[list[str], Field(min_length=1), AfterValidator(distinct)] = about(
        "which attributes are labelled and learnt"
    )
    training: dict[str, AttributeChanges] = about(
        "how an attribute's training differs here from that under attributes", {}
    )
    classifiers: dict[str, Annotated[list[Text], Field(min_length=1)]] = about(
        "attributes that finished networks predict, a checkpoint per fold: nothing is trained, "
        "only judged",
        {},
    )
    filter: dict[str, Condition | None] = about(
        "images must lie in every one of these ranges; null takes one away that another file sets",
        {},
    )
    filter_by: Literal["limits", "shares"] = about(
        "which of a condition's two forms decides; both are counted", "limits"
    )
    exclude_labelled: bool = about("keep no labelled image, as labels contain mistakes", False)
