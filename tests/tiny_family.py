"""A generator family of a few layers with key names of its own: it proves the seam."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ohlora_lib.generators.base import Generator, Labelling, Trainable
from ohlora_lib.generators.registry import FAMILIES, Family

SIDE = 32


class Map(nn.Module):
    """z and label to w, linear."""

    def __init__(self, z_dim: int, label_dim: int, w_dim: int) -> None:
        super().__init__()
        self.from_z = nn.Linear(z_dim, w_dim)
        self.from_label = nn.Linear(label_dim, w_dim, bias=False) if label_dim else None

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if (label is None) != (self.from_label is None):
            raise ValueError("label")
        w = self.from_z(z)
        return w if label is None else w + self.from_label(label)


class Draw(nn.Module):
    """Two style layers: a coarse picture, and a scale of its channels."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        self.coarse = nn.Linear(w_dim, 8 * 4 * 4)
        self.scale = nn.Linear(w_dim, 8)
        self.paint = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, wp: Tensor, randomize_noise: bool = False) -> Tensor:
        x = self.coarse(wp[:, 0]).unflatten(1, (8, 4, 4))
        x = F.interpolate(x, SIDE, mode="bilinear") * self.scale(wp[:, 1])[:, :, None, None]
        return torch.tanh(self.paint(x))


class TinyGenerator(Generator):
    """Linear mapping, two style layers, pictures of 32 pixels."""

    kind = "tiny_generator"
    resolution = SIDE
    num_layers = 2

    def __init__(self, z_dim: int = 16, w_dim: int = 12, label_dim: int = 0) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.label_dim = z_dim, w_dim, label_dim
        self.label_embed_dim = w_dim if label_dim else 0
        self.mapping = Map(z_dim, label_dim, w_dim)
        self.synthesis = Draw(w_dim)
        self.register_buffer("middle", torch.zeros(w_dim))

    def config(self) -> dict:
        return {"z_dim": self.z_dim, "w_dim": self.w_dim, "label_dim": self.label_dim}

    @property
    def w_avg(self) -> Tensor:
        return self.middle

    @property
    def label_embedding(self) -> Tensor | None:
        return self.mapping.from_label.weight.T if self.label_dim else None

    def drawing(self) -> Callable[[Tensor], Tensor]:
        return self.synthesis

    def with_labels(self, labelling: Labelling) -> "TinyGenerator":
        new = TinyGenerator(self.z_dim, self.w_dim, len(labelling.labels))
        kept = {key: value for key, value in self.state_dict().items() if "label" not in key}
        new.load_state_dict(kept, strict=False)
        return new

    def with_random_label(self, embedding: Tensor) -> "TinyGenerator":
        new = TinyGenerator(self.z_dim, self.w_dim, len(embedding))
        new.load_state_dict({**self.state_dict(), "mapping.from_label.weight": embedding.T})
        return new.eval()

    def trainable(self) -> Trainable:
        label = (
            [] if self.mapping.from_label is None else list(self.mapping.from_label.parameters())
        )
        return Trainable(
            mapping=list(self.mapping.from_z.parameters()),
            mapping_multiplier=1.0,
            label=[] if label is None else list(label.parameters()),
            first=list(self.synthesis.coarse.parameters()),
            synthesis=list(self.synthesis.parameters()),
        )


def register(patch) -> None:
    """Name the family, as a line in `generators.registry` would."""
    patch.setitem(FAMILIES, "tiny", Family(("tiny_generator", "tiny_family.TinyGenerator")))
