"""One training step of every fine-tune, beside drawing the same faces without learning."""

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.common import WEIGHTS, Row, best_of
from ohlora_lib.networks import load_network
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.training.finetune.conditioning import conditional_generator
from ohlora_lib.training.finetune.drawing import draw_faces
from ohlora_lib.training.finetune.faces import Faces
from ohlora_lib.training.finetune.job import make_objective
from ohlora_lib.training.finetune.objective import Material
from ohlora_lib.training.finetune.options import FinetuneOptions
from ohlora_lib.training.finetune.versions import VERSIONS, version_options


def training(device: str) -> Iterator[Row]:
    """Yield the time of a step per version; n is its batch."""
    settle = torch.cuda.synchronize if device == "cuda" else lambda: None
    named = torch.cuda.get_device_name() if device == "cuda" else device
    for version in VERSIONS:
        # without the warm-up, in which the generator rests
        options = version_options(version, "corrected", {"warmup": 0})
        material = _material(options, device)
        objective = make_objective(material, options, seed=0)
        z = torch.randn(options.batch, material.base.z_dim, device=device)
        label = torch.zeros(options.batch, len(options.labels), device=device)

        def forward(given=material, options=options, z=z, label=label) -> None:
            with torch.no_grad():
                draw_faces(given.generator, z, label, options)

        # step 1: the penalty of the discriminator comes every few steps, and not at this one
        seconds = best_of(lambda learn=objective.learn: learn(1), settle=settle)
        yield Row(
            f"step_{version}",
            options.batch,
            seconds,
            "forward pass",
            best_of(forward, settle=settle),
            batch=options.batch,
            device=named,
        )


def _material(options: FinetuneOptions, device: str) -> Material:
    """Return shipped networks, new readers, and noise in place of faces."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    base = load_network(WEIGHTS / "generator.safetensors").to(device)
    side = base.resolution
    images = draw.integers(0, 256, (64, side, side, 3), dtype=np.uint8)
    labels = draw.standard_normal((64, len(options.labels)), np.float32)
    return Material(
        faces=Faces(np.arange(64), images, labels),
        generator=conditional_generator(base, options).to(device).train(),
        base=base.requires_grad_(False),
        property_cnn=PropertyCNN(side).eval().to(device),
        discriminator=load_network(WEIGHTS / "discriminator.safetensors"),
        attribute_cnns=[AttributeCNN(name, side).to(device) for name in options.attributes],
        device=device,
    )
