"""Reading and writing single pictures, and tiling many into one."""

from pathlib import Path

import cv2
import numpy as np

from ohlora_lib.store.atomic import atomic_path


def tile(images: np.ndarray, columns: int, zoom: int = 1, gap: int = 0) -> np.ndarray:
    """Lay pictures out row by row.

    Args:
        images: uint8 [N, H, W, 3].
        columns: pictures per row; the last row is filled up with white.
        zoom: every pixel becomes a square of this side, px.
        gap: white space between pictures, px.

    Returns:
        uint8 [rows * (H * zoom + gap) - gap, columns * (W * zoom + gap) - gap, 3].
    """
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap), columns * (width + gap), 3), 255, np.uint8)
    for index, image in enumerate(images):
        y, x = index // columns * (height + gap), index % columns * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]


def write_picture(path: str | Path, image: np.ndarray) -> None:
    """Write uint8 RGB [H, W, 3] atomically; the suffix chooses the format (.png)."""
    path = Path(path)
    done, data = cv2.imencode(path.suffix, image[..., ::-1])
    if not done:
        raise ValueError(f"{path}: no picture format has the suffix {path.suffix!r}")
    with atomic_path(path) as part:
        part.write_bytes(data.tobytes())
