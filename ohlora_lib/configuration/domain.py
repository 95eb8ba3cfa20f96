"""Section `domain`: where the pretrained weights come from, and at which resolution all runs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ohlora_lib.configuration.fields import Count, Name, Section, Share, Text, about
from ohlora_lib.generators.registry import FAMILIES
from ohlora_lib.networks.segmenters import SEGMENTERS

BRANCHES = ("eyes", "mouth", "pose", "hair_color", "hair_length", "background")
Crop = Annotated[list[Share], Field(min_length=4, max_length=4)]


def one_of(known: object) -> AfterValidator:
    """Return a check that a text is one of these names."""

    def check(value: str) -> str:
        if value not in known:
            allowed = ", ".join(map(str, known))
            raise PydanticCustomError("one_of", "one of {allowed}", {"allowed": allowed})
        return value

    return AfterValidator(check)


class Segmenter(Section):
    """What finds the parts of a face."""

    kind: Annotated[str, one_of(SEGMENTERS)] = about(
        "which one, see ohlora_lib/networks/segmenters.py"
    )
    weights: Text = about("its checkpoint")
    detector: Text | None = about(
        "checkpoint of the detector that finds faces for facexformer; parser needs none",
        "resources/mtcnn/mtcnn.safetensors",
    )
    parser: Text | None = about("checkpoint of the parser that finds hair for mesh", None)
    box: Annotated[list[float], Field(min_length=3, max_length=3)] | None = about(
        "where mesh looks for the face: centre x and y and side as fractions of the picture, about "
        "one and a half times the face; null for pictures aligned as StyleGAN's",
        None,
    )
    batch: Count | None = about(
        "pictures parsed at once; null: 32 with parser and mesh, 8 with facexformer, which then "
        "take 2 GB on a CPU",
        None,
    )


class Domain(Section):
    """Where the pretrained weights come from."""

    name: Name = about("shown in the report")
    resolution: Literal[8, 16, 32, 64, 128, 256, 512, 1024] = about("side of an image, pixels")
    generator: Text = about("checkpoint of the original generator")
    generator_family: Annotated[str, one_of(FAMILIES)] = about(
        "of the generator, see ohlora_lib/generators/registry.py", "stylegan1"
    )
    generator_as_published: Text | None = about(
        "checkpoint that the published recipes, and populations drawn as_published, start from; "
        "null for generator",
        None,
    )
    discriminator: Text = about("checkpoint of its discriminator")
    annotator: str | None = about(
        "checkpoint of the simulated annotator; null where a person labels", None
    )
    identity: Text | None = about(
        "checkpoint of the embedding that identity drift is measured with, where the segmenter is "
        "mesh; null for the annotator's features",
        None,
    )
    download: bool = about(
        "whether a run downloads weights that it needs; else it says how to get them", False
    )
    crops: dict[Annotated[str, one_of(BRANCHES)], Crop] = about(
        "where the property CNN looks, by branch: top, bottom, left, right as fractions of the "
        "side; what is left out is as published, for aligned CelebA",
        {},
    )
    segmenter: Segmenter = Field(description="what finds the parts of a face")
