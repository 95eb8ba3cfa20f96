"""An embedding of faces that tells people apart, trained by others: a MobileNet named FaceRes.

Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", arXiv:1704.04861, at its full width, trained to tell the people of VGGFace2 apart
(Savchenko 2019, "Efficient facial representations for age, gender and identity recognition in
organizing photo albums using multi-output ConvNet", PeerJ Computer Science 5:e197). Its last
feature map, averaged, is the embedding; two pictures are compared by the cosine of theirs.

Nothing in this project trains or searches with it, so that it can judge. It must not be used to
recognise people: see `resources/identity/README.md`.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 1024  # of an embedding
MEANS = (123.68, 116.779, 103.939)  # levels of red, green and blue that become 0
# Channels and stride of each block
BLOCKS = (
    (64, 1),
    (128, 2), (128, 1),
    (256, 2), (256, 1),
    (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip


class Separable(nn.Module):
    """A 3 x 3 convolution per channel, then one across channels, ReLU6 after either."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = SameConv2d(inputs, inputs, stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.pointwise(F.relu6(self.depthwise(x))))


class SameConv2d(nn.Conv2d):
    """A 3 x 3 convolution padded as TensorFlow does: before a stride of 2 at the end only."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, 1 if stride == 1 else 0, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.stride == (1, 1) else F.pad(x, (0, 1, 0, 1)))


class IdentityEmbedding(nn.Module):
    """The whole network, its batch norms folded; `resources/identity` holds its weights."""

    kind: ClassVar[str] = "identity_embedding"

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 2)
        widths = [32, *(width for width, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(Separable(widths[i], width, stride) for i, (width, stride) in enumerate(BLOCKS))
        )
        zero = torch.tensor(MEANS).view(3, 1, 1) / 127.5 - 1
        self.register_buffer("zero", zero, persistent=False)

    def config(self) -> dict:
        """Return the constructor arguments: none."""
        return {}

    def forward(self, images: Tensor) -> Tensor:
        """Embed faces that are already cut out; see `identity_crop` for whole pictures.

        Args:
            images: float32 [N, 3, H, W], RGB, [-1, 1], H and W multiples of 32; trained with 224.
                Fastest in the memory format channels_last.

        Returns:
            float32 [N, 1024] of unit length, nowhere negative.
        """
        assert images.shape[1] == 3, f"RGB expected, got {list(images.shape)}"
        assert images.shape[2] % 32 == images.shape[3] % 32 == 0, "sides must be multiples of 32"
        x = F.relu6(self.stem(images - self.zero))
        return F.normalize(self.blocks(x).mean((2, 3)), dim=1)
