"""The two pictures that parsers and score algorithms look at, both 224 x 224."""

import cv2
import numpy as np
from PIL import Image

from ohlora_lib.store.layout import MAP_SIDE


def face_cut(images: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Cut faces out and resize them, as FaceXFormer parses them and algorithm v2 sees them.

    Bicubic with antialiasing, as published (Pillow's); the aspect is not kept.

    Args:
        images: uint8 [N, H, W, 3].
        cuts: float [N, 4], x0, y0, x1, y1 in px, truncated to integers; at least 1 px a side.

    Returns:
        uint8 [N, 224, 224, 3], in the coordinates of the class maps.
    """
    out = np.empty((len(images), MAP_SIDE, MAP_SIDE, 3), np.uint8)
    for index, (image, (x0, y0, x1, y1)) in enumerate(zip(images, cuts.astype(int), strict=True)):
        cut = Image.fromarray(image[y0:y1, x0:x1])
        out[index] = cut.resize((MAP_SIDE, MAP_SIDE), Image.Resampling.BICUBIC)
    return out


def whole_picture(images: np.ndarray) -> np.ndarray:
    """Resize whole pictures (bilinear), as algorithm v1 sees them; uint8 [N, 224, 224, 3]."""
    out = np.empty((len(images), MAP_SIDE, MAP_SIDE, 3), np.uint8)
    for index, image in enumerate(images):
        cv2.resize(image, (MAP_SIDE, MAP_SIDE), out[index], interpolation=cv2.INTER_LINEAR)
    return out
