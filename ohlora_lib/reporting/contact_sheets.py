"""Pages of pictures with captions, laid out in pixels."""

import functools
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ohlora_lib.reporting.theme import INK, MUTED, QUALITY
from ohlora_lib.store.atomic import atomic_path

MARGIN = 18  # px of white around a page
GAP = 4  # px between pictures
_FONTS = {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}  # matplotlib brings them
_ANCHORS = {"left": "ls", "center": "ms", "right": "rs"}  # on the base line
_ASCENT = 0.76  # height of capitals and figures, of the size of the type


class Sheet:
    """A white page; the origin is its top left corner, all lengths are pixels."""

    def __init__(self, width: int, height: int):
        """Start an empty page."""
        self.pixels = np.full((height, width, 3), 255, np.uint8)
        self._texts: list[tuple[tuple[float, float], str, dict]] = []

    def picture(self, image: np.ndarray, x: int, y: int) -> None:
        """Place uint8 RGB [h, w, 3] with its top left corner at (x, y)."""
        height, width = image.shape[:2]
        self.pixels[y : y + height, x : x + width] = image

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        color: str = INK,
        weight: str = "normal",
        align: str = "left",
    ) -> None:
        """Write a line whose top is at y; `size` is the height of the type in px."""
        style = {"font": _font(weight, size), "fill": color, "anchor": _ANCHORS[align]}
        self._texts.append(((x, y + _ASCENT * size), text, style))

    def heading(self, title: str, note: str = "") -> None:
        """Write title and note at the top; they take `heading_height(note)` pixels."""
        self.text(MARGIN, MARGIN - 4, title, size=21, weight="bold")
        for index, line in enumerate(note.splitlines()):
            self.text(MARGIN, MARGIN + 27 + 19 * index, line, size=13.5, color=MUTED)

    def save(self, path: str | Path) -> None:
        """Write the page; .jpg suits photographs, .png flat colours."""
        page = Image.fromarray(self.pixels)
        pen = ImageDraw.Draw(page)
        for place, text, style in self._texts:
            pen.text(place, text, **style)
        with atomic_path(path) as part:
            if part.suffix == ".jpg":
                page.save(part, quality=QUALITY, optimize=True)
            else:
                page.save(part)


@functools.cache
def _font(weight: str, size: float) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    # the basic layout is the same on every machine
    return ImageFont.truetype(folder / _FONTS[weight], size, layout_engine=ImageFont.Layout.BASIC)


def heading_height(note: str = "") -> int:
    """Return the pixels that `Sheet.heading` needs, the margin above it included."""
    return MARGIN + 30 + 19 * len(note.splitlines()) + 6


def fit(images: np.ndarray, side: int) -> np.ndarray:
    """Resize pictures smoothly to squares.

    Args:
        images: uint8 [N, H, W, 3].
        side: px of the result.

    Returns:
        uint8 [N, side, side, 3]; Lanczos when growing, area averages when shrinking.
    """
    out = np.empty((len(images), side, side, 3), np.uint8)
    for index, image in enumerate(images):
        method = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LANCZOS4
        out[index] = cv2.resize(image, (side, side), interpolation=method)
    return out
