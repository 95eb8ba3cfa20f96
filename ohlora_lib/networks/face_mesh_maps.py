"""Class maps from the landmarks of the face mesh: polygons for skin, brows, eyes, nose and lips."""

import cv2
import numpy as np

# Rings of landmarks; left and right are those of the picture. The face mesh's own contours, as in
# MediaPipe's table of connections.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
BROW_LEFT = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
BROW_RIGHT = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
EYE_LEFT = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
EYE_RIGHT = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)  # from left to right, as all four
LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# Bridge, sides and base of the nose: the class is the hull around them.
NOSE = (168, 122, 351, 196, 419, 198, 420, 129, 358, 48, 278, 64, 294, 98, 327, 97, 326, 2, 1, 4)
# What is drawn, the later over the earlier: class of the map, ring, whether its hull is meant.
SHAPES = (
    (1, FACE_OVAL, False),
    (2, BROW_LEFT, False),
    (3, BROW_RIGHT, False),
    (4, EYE_LEFT, False),
    (5, EYE_RIGHT, False),
    (6, NOSE, True),
    (7, (*UPPER_OUTER, *reversed(UPPER_INNER)), False),
    (9, (*LOWER_OUTER, *reversed(LOWER_INNER)), False),
    (8, (*UPPER_INNER, *reversed(LOWER_INNER)), False),
)
ENLARGED = 2  # times; OpenCV also fills the border of a polygon, here half a pixel wide
FRACTION_BITS = 4  # of the places of corners, which are whole 16ths of a pixel
MARGIN = 4  # sides of a picture; what lies farther out is drawn at this distance


def face_maps(landmarks: np.ndarray, side: int) -> np.ndarray:
    """Draw the parts of faces; hair is not among them, and everything else is background.

    Args:
        landmarks: float [N, 478, 2 or 3], x and y as fractions of the picture; a row with a NaN is
            a picture without a face.
        side: of the maps, px.

    Returns:
        uint8 [N, side, side], classes 0 to 9.
    """
    maps = np.zeros((len(landmarks), side, side), np.uint8)
    canvas = np.empty((ENLARGED * side, ENLARGED * side), np.uint8)
    known = np.isfinite(landmarks).all(axis=(1, 2))
    places = np.clip(np.asarray(landmarks[..., :2], np.float64), -MARGIN, 1 + MARGIN)
    scale = ENLARGED * side << FRACTION_BITS
    # a fraction counts from the border of the picture, OpenCV from the middle of the first pixel
    for row in np.flatnonzero(known):
        corners = np.rint(places[row] * scale).astype(np.int32) - (1 << FRACTION_BITS - 1)
        canvas[:] = 0
        for value, ring, hull in SHAPES:
            ring = corners[list(ring)]
            if hull:
                ring = cv2.convexHull(ring)
            cv2.fillPoly(canvas, [ring], value, shift=FRACTION_BITS)
        maps[row] = canvas[::ENLARGED, ::ENLARGED]
    return maps
