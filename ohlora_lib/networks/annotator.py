"""The embedded domain's annotator: sees gender, quality, age and glasses as a careful person would.

It is trained on renders with known truth and stands in for the person who labels 2,000 images. The
label CNNs never see its weights or its training images.
"""

from typing import ClassVar

from torch import Tensor, nn

ATTRIBUTES = ("gender", "quality", "age", "glass")


class Annotator(nn.Module):
    """Strided convolutions, average over the picture's quarters, four logits.

    Args:
        width: channels of the first layer; they double with every halving, up to four times that.
    """

    kind: ClassVar[str] = "annotator"

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.width = width
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(16 * widths[-1], len(ATTRIBUTES)))

    def config(self) -> dict:
        """Return the constructor arguments."""
        return {"width": self.width}

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, 4] in the order of ATTRIBUTES for images [N, 3, 64, 64] in [-1, 1]."""
        return self.head(self.features(images))
