"""What a configuration may hold, with every default: the one source of both.

`json_schema` gives the same as a JSON schema, for editors.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ohlora_lib.configuration.domain import Domain
from ohlora_lib.configuration.fields import Count, FolderName, Section, about, reserved, section
from ohlora_lib.configuration.methods import (
    Directions,
    Finetune,
    HairstyleCnn,
    Judging,
    PropertyCnn,
    Reference,
    Selection,
    VectorFind,
)
from ohlora_lib.configuration.populations import Attribute, Population
from ohlora_lib.configuration.pretrain import Pretrain
from ohlora_lib.configuration.scores import Scores
from ohlora_lib.methods.finetune.method import PUBLISHED

RUN = r"[a-z0-9][a-z0-9_-]*"


def _not_published(name: str) -> str:
    """Refuse a name that a published recipe would have."""
    if name.endswith(PUBLISHED):
        raise PydanticCustomError("reserved", "a reserved name")
    return name


class Scatter(Section):
    """How many jobs share the work of a stage; results are the same."""

    generate: Count = about("jobs that draw a population; each writes some of its shards", 1)
    segment: Count = about("jobs that segment a population; each writes some of its shards", 1)
    sample: Count = about("jobs that sample a generator; one more joins what they draw", 1)


class Inference(Section):
    """How pictures are drawn."""

    batch: Count = about("images the generator draws at once", 16)


class Configuration(Section):
    """The whole configuration of a run."""

    seed: Annotated[int, Field(ge=0)] = about(
        "the one seed that every random stream is derived from", 2025
    )
    results: Annotated[str, Field(min_length=1)] = about("folder that all outputs go to", "results")
    run: Annotated[str, Field(pattern=f"^{RUN}$"), AfterValidator(reserved)] | None = about(
        "name of the experiment, a folder of its own under results; null for none", None
    )
    runs: Annotated[str, Field(pattern=f"^{RUN},{RUN}$")] | None = about(
        "two experiments that `snakemake compare` sets side by side: a,b", None
    )
    domain: Domain = Field(description="where the pretrained weights come from")
    populations: Annotated[dict[FolderName, Population], Field(min_length=1)] = about(
        "sets of generated images, each with one recipe; the key is the folder under results"
    )
    attributes: Annotated[dict[FolderName, Attribute], Field(min_length=1)] = about(
        "yes/no attributes that a CNN learns from labels"
    )
    scores: Scores = section(Scores, "parameters of the property scores")
    shards: Annotated[int, Field(ge=1, le=99999)] = about(
        "files a population's images are stored in", 4
    )
    scatter: Scatter = section(Scatter, "how many jobs share the work of a stage")
    inference: Inference = section(Inference, "how pictures are drawn")
    property_cnn: PropertyCnn = section(
        PropertyCnn, "network that reads the seven property scores from a picture"
    )
    hairstyle_cnn: HairstyleCnn = section(
        HairstyleCnn, "network that reads the hairstyle score, joined to the seven others"
    )
    finetune: dict[Annotated[FolderName, AfterValidator(_not_published)], Finetune] = about(
        "fine-tunes to train and judge; the key is the folder under results/finetune", {}
    )
    vectorfind: dict[FolderName, VectorFind] = about(
        "directions found as published; the key is the folder under results/vectorfind", {}
    )
    references: dict[FolderName, Reference] = about(
        "finished models of others, judged as reference_<key> beside the methods of the run", {}
    )
    directions: Directions = section(Directions, "calibrated, decoupled directions")
    judging: Judging = section(Judging, "pictures that every method is judged by")
    selection: Selection = section(
        Selection, "the method whose latents are ranked and whose model is shipped"
    )
    pretrain: Pretrain = section(Pretrain, "training of the drawn domain's shipped weights")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration (draft 2020-12)."""
    return _strict(Configuration.model_json_schema())


def _strict(node: Any) -> Any:
    """Say of mappings whose keys must match a pattern that they may have no others."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if "patternProperties" in node else {}
    return {**{key: _strict(value) for key, value in node.items()}, **closed}
