"""The two pictures that score algorithms look at, both 224 x 224."""

import cv2
import numpy as np

SIDE = 224  # px, as the class maps


def face_cut(images: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Cut faces out and resize them (bicubic, aspect not kept), as algorithm v2 sees them.

    Args:
        images: uint8 [N, H, W, 3].
        cuts: float [N, 4], x0, y0, x1, y1 in px, truncated to integers.

    Returns:
        uint8 [N, 224, 224, 3], in the coordinates of the class maps.
    """
    out = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    for index, (image, (x0, y0, x1, y1)) in enumerate(zip(images, cuts.astype(int), strict=True)):
        cv2.resize(image[y0:y1, x0:x1], (SIDE, SIDE), out[index], interpolation=cv2.INTER_CUBIC)
    return out


def whole_picture(images: np.ndarray) -> np.ndarray:
    """Resize whole pictures (bilinear), as algorithm v1 sees them; uint8 [N, 224, 224, 3]."""
    out = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    for index, image in enumerate(images):
        cv2.resize(image, (SIDE, SIDE), out[index], interpolation=cv2.INTER_LINEAR)
    return out
