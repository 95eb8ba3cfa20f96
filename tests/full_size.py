"""Random weights of the real shapes, as their publishers would hand them out."""

import json
from pathlib import Path

import numpy as np
import torch

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.networks.files import network_class
from ohlora_lib.portraits.parameters import sample_parameters
from ohlora_lib.portraits.renderer import render

FACEXFORMER = Path(__file__).parent / "fixtures/facexformer/state_dict.json"
SIDE = 256
LAST = "synthesis.layer13"


def write_genforce(path: Path, seed: int = 0) -> None:
    """Write a file like celeba_partial-256x256.

    Its generators draw a grey portrait, in which a detector finds a face, in a light, contrast and
    grain that depend on the latent.
    """
    torch.manual_seed(seed)
    generator = StyleGANGenerator(SIDE).state_dict()
    grey = render(sample_parameters(1, torch.Generator().manual_seed(seed)), SIDE).images.mean(1)
    generator[f"{LAST}.apply_noise.noise"][0] = (grey - grey.mean()) / grey.std()
    generator[f"{LAST}.apply_noise.weight"][0] = 20
    generator[f"{LAST}.bias"][0] = 100  # where leaky ReLU is linear
    for row in (0, len(generator[f"{LAST}.bias"])):  # scale and shift of the portrait's channel
        generator[f"{LAST}.style.weight"][row] *= 0.2
    to_rgb = generator["synthesis.output6.weight"]
    to_rgb *= 0.1  # the other channels: grain
    to_rgb[:, 0] = 0.4 * to_rgb.shape[1] ** 0.5
    networks = {"generator": generator, "generator_smooth": generator}
    networks["discriminator"] = StyleGANDiscriminator(SIDE).state_dict()
    torch.save(networks, path)


def write_facexformer(path: Path, seed: int = 20240) -> None:
    """Write a file like FaceXFormer's, filled as ../shared/fixtures/README.md says of its own."""
    about = json.loads(FACEXFORMER.read_text())["state_dict"]
    draw = np.random.default_rng(seed)
    tensors = network_class("facexformer")().state_dict()
    for name in sorted(name for name in about if about[name]["kind"] == "parameter"):
        shape = about[name]["shape"]
        n = draw.standard_normal(shape)
        if len(shape) == 1:
            n = 0.1 * n + name.endswith(".weight")
        elif name.endswith("_token.weight") or name == "face_decoder.mask_tokens.weight":
            n *= 3
        elif name.endswith("relative_position_bias_table"):
            n *= 0.5
        else:
            n *= np.sqrt(2 / np.prod(shape[1:]))
        tensors[name] = torch.from_numpy(n.astype(np.float32))
    position = "pe_layer.positional_encoding_gaussian_matrix"
    tensors[position] = torch.from_numpy(draw.standard_normal((2, 128)).astype(np.float32))
    torch.save({"state_dict_backbone": tensors}, path)
