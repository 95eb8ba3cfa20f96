"""The layouts of published weights, by which their networks are recognised."""

import re

from ohlora_lib.generators.layouts import Config, Layout, Shapes, count_keys
from ohlora_lib.generators.stylegan1 import layouts as stylegan1

PUBLISHED = 256  # pixels a side; of all the reference's networks


def _encoder(shapes: Shapes, given: Config) -> Config:
    z_dim, features = shapes["fc2_mu.weight"]
    halvings = count_keys(shapes, r"convolutions\.(\d+)\.weight")
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
    **stylegan1.LAYOUTS,
    "attribute_cnn": Layout("attribute_cnn", _published, mark="conv1.0.weight"),
    "property_cnn": Layout("property_cnn", _property_cnn, mark="hair_color_score_cnn.fc1.0.weight"),
    "crop_discriminator": Layout("crop_discriminator", _published, mark="fc1.0.weight"),
    "score_encoder": Layout(
        "score_encoder", _encoder, "fc2_mu.weight", _encoder_key, _published_encoder_key
    ),
    "facexformer": Layout("facexformer", _fixed, mark="backbone.0.0.0.weight"),
}
