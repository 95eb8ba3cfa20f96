"""A tiny generator, faces and judges: what tests of fine-tunes share."""

from dataclasses import replace

import numpy as np
import torch

from ohlora_lib.attributes import WANTED
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.methods.finetune.job import make_objective
from ohlora_lib.methods.finetune.objective import Given, Objective, labelling
from ohlora_lib.methods.finetune.options import ALL_LABELS, FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import Faces
from ohlora_lib.methods.finetune.versions import version_options
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN

SIDE = 32
SHAPE = {"resolution": SIDE, "fmaps_base": 128, "fmaps_max": 16}


def base_generator() -> StyleGANGenerator:
    torch.manual_seed(0)
    return StyleGANGenerator(**SHAPE, z_dim=16, w_dim=16, hidden_dim=16, mapping_layers=3).eval()


def some_faces(count: int = 12) -> Faces:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = draw.standard_normal((count, 7)).astype(np.float32)
    return Faces(np.arange(count), images, labels)


def small_finetune(
    version: str, recipe: str = "corrected", **changes
) -> tuple[Given, FinetuneOptions]:
    """Return what a version needs, tiny, and its options."""
    options = version_options(version, recipe, {"batch": 4, "warmup": 0, **changes})
    base = base_generator()
    torch.manual_seed(1)
    faces = some_faces()
    columns = [ALL_LABELS.index(name) for name in options.labels]
    faces = replace(faces, labels=faces.labels[:, columns])
    given = Given(
        faces=faces,
        generator=base.with_labels(labelling(options)).train(),
        base=base.requires_grad_(False),
        property_cnn=PropertyCNN(SIDE).eval(),
        attribute_cnns=[AttributeCNN(name, SIDE).eval() for name in options.attributes],
        wanted=WANTED,
    )
    given.discriminator = StyleGANDiscriminator(**SHAPE)
    return given, options


def objective(given: Given, options: FinetuneOptions) -> Objective:
    return make_objective(given, options, seed=1)
