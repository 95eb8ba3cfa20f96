"""Landmarks of the face mesh, and small measurements on them that algorithm v3 shares.

The mesh is MediaPipe's: 478 points; x and y are fractions of the picture's side, z is depth in the
unit of x, smaller nearer the camera.
"""

import numpy as np

POINTS = 478
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)  # the middle of the upper and of the lower lip, where they meet
FACE_SIDES = (234, 454)  # before the ears, at the left and at the right of the picture
# Corner, two points of the upper lid, corner, the two of the lower lid that face them.
EYES = (
    (33, 160, 158, 133, 153, 144),  # at the left of the picture
    (362, 385, 387, 263, 373, 380),
)


def check_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """Return landmarks as float64.

    Args:
        landmarks: float [N, 478, 3].

    Raises:
        ValueError: another shape.
    """
    if np.shape(landmarks)[1:] != (POINTS, 3):
        raise ValueError(f"landmarks must be [N, {POINTS}, 3], got {np.shape(landmarks)}")
    return np.asarray(landmarks, np.float64)


def distance(landmarks: np.ndarray, first: int, second: int) -> np.ndarray:
    """Return the distance in space between two points of each face: [N, 478, 3] -> float64 [N]."""
    return np.linalg.norm(landmarks[:, first] - landmarks[:, second], axis=1)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return a quotient of [N]; NaN where the denominator is 0 or a number is missing."""
    return numerator / np.where(denominator > 0, denominator, np.nan)
