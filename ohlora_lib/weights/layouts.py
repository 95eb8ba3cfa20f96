"""The layouts of published weights: which network they are of, told from names and shapes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]  # state-dict key -> shape
Config = dict[str, Any]

PUBLISHED = 256  # pixels a side; of all the reference's networks


@dataclass(frozen=True)
class Layout:
    """How one kind of published weights becomes one of our networks."""

    kind: str  # see `networks.NETWORKS`
    recognise: Callable[[Shapes, Config], Config]  # to constructor arguments, from what is known
    mark: str  # a key by which weights are taken for this layout
    rename: Callable[[str], str] = str  # published key -> ours
    restore: Callable[[str], str] = str  # ours -> published, for messages


def _generator(shapes: Shapes, given: Config) -> Config:
    dense = _count(shapes, r"mapping\.dense(\d+)\.weight")
    blocks = _count(shapes, r"synthesis\.output(\d+)\.weight")
    resolution = 2 ** (blocks + 1)
    in_dim = shapes["mapping.dense0.weight"][1]
    label_dim, embed_dim = given.get("label_dim", 0), given.get("label_embed_dim", 0)
    if "mapping.label_weight" in shapes:
        label_dim, embed_dim = shapes["mapping.label_weight"]
    return {
        "resolution": resolution,
        "z_dim": in_dim - (embed_dim or label_dim),
        "w_dim": shapes[f"mapping.dense{dense - 1}.weight"][0],
        "hidden_dim": shapes["mapping.dense0.weight"][0],
        "mapping_layers": dense,
        "fmaps_base": resolution * shapes[f"synthesis.output{blocks - 1}.weight"][1],
        "fmaps_max": shapes["synthesis.layer0.const"][1],
        "label_dim": label_dim,
        "label_embed_dim": embed_dim,
    }


def _discriminator(shapes: Shapes, given: Config) -> Config:
    blocks = _count(shapes, r"input(\d+)\.weight")
    resolution, last = 2 ** (blocks + 1), 2 * blocks
    channels = shapes[f"layer{last - 1}.weight"][0]
    outputs, inputs = shapes[f"layer{last}.weight"]
    joined = inputs - channels  # labels before the last layer
    return {
        "resolution": resolution,
        "fmaps_base": resolution * shapes["input0.weight"][0],
        "fmaps_max": channels,
        "label_dim": joined or (outputs if outputs > 1 else 0),
        "label_mode": "concat" if joined else "product",
    }


def _encoder(shapes: Shapes, given: Config) -> Config:
    z_dim, features = shapes["fc2_mu.weight"]
    halvings = _count(shapes, r"convolutions\.(\d+)\.weight")
    hidden = shapes["fc1.weight"][0]
    return {"resolution": 8 << halvings, "z_dim": z_dim, "label_dim": features - hidden}


def _property_cnn(shapes: Shapes, given: Config) -> Config:
    merged = any(name.startswith("hairstyle_score_cnn.") for name in shapes)
    return {"resolution": PUBLISHED, "hairstyle": merged}


def _encoder_key(name: str) -> str:
    name = re.sub(r"^conv(\d+)\.0\.", lambda found: f"convolutions.{int(found[1]) - 1}.", name)
    return name.replace("fc1.0.", "fc1.")


def _published_encoder_key(name: str) -> str:
    name = re.sub(r"^convolutions\.(\d+)\.", lambda found: f"conv{int(found[1]) + 1}.0.", name)
    return re.sub(r"^fc1\.", "fc1.0.", name)


def _published(shapes: Shapes, given: Config) -> Config:
    return {"resolution": PUBLISHED}


def _fixed(shapes: Shapes, given: Config) -> Config:
    return {}


LAYOUTS: dict[str, Layout] = {
    "stylegan_generator": Layout("stylegan_generator", _generator, mark="synthesis.layer0.const"),
    "stylegan_discriminator": Layout(
        "stylegan_discriminator", _discriminator, mark="input0.weight"
    ),
    "attribute_cnn": Layout("attribute_cnn", _published, mark="conv1.0.weight"),
    "property_cnn": Layout("property_cnn", _property_cnn, mark="hair_color_score_cnn.fc1.0.weight"),
    "crop_discriminator": Layout("crop_discriminator", _published, mark="fc1.0.weight"),
    "score_encoder": Layout(
        "score_encoder", _encoder, "fc2_mu.weight", _encoder_key, _published_encoder_key
    ),
    "facexformer": Layout("facexformer", _fixed, mark="backbone.0.0.0.weight"),
}


def _count(shapes: Shapes, pattern: str) -> int:
    """Return how many keys match; KeyError where none does."""
    found = [name for name in shapes if re.fullmatch(pattern, name)]
    if not found:
        raise KeyError(pattern)
    return len(found)
