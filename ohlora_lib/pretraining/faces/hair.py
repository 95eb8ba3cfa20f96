"""Where hair is in a picture of a face: a colour model of the picture's own hair and skin.

GrabCut (Rother et al. 2004) between what is surely hair (just above the face, unlike skin) and what
surely is not (the face below the brows, the neck, the background). Single pictures are noisy; a
network that learns from many averages over them.
"""

import cv2
import numpy as np

from ohlora_lib.networks.face_mesh_maps import FACE_OVAL

CHIN, FOREHEAD = 152, 10  # landmarks
BROWS, CHEEKS = (105, 334), (234, 454)
LIGHTNESS = 0.6  # weight of L in distances of Lab colours: light changes, skin does not
LIKE_SKIN, UNLIKE_SKIN, FRINGE = 7.0, 14.0, 22.0  # distances from the nearest tone of skin
DARK = 40  # median L of the skin, 0-255, below which colours say nothing
BALD = 0.15  # share of the rim that must be unlike skin for there to be hair
FEW = 30  # pixels
ROUNDS = 2  # of GrabCut


def hair_mask(picture: np.ndarray, landmarks: np.ndarray, person: np.ndarray) -> np.ndarray | None:
    """Find hair; hats count as hair.

    Args:
        picture: uint8 RGB [R, R, 3].
        landmarks: float [478, 3], x and y as fractions of the picture.
        person: float [R, R], 0 background to 1 person.

    Returns:
        bool [R, R]; None where the picture is too dark to tell.
    """
    side = len(picture)
    places = np.asarray(landmarks[:, :2], np.float64) * side
    row, column = np.mgrid[:side, :side]
    chin, top = places[CHIN, 1], places[FOREHEAD, 1]
    height, brow = chin - top, places[list(BROWS), 1].min()
    oval = np.zeros((side, side), np.uint8)
    cv2.fillPoly(oval, [np.rint(places[list(FACE_OVAL)]).astype(np.int32)], 1)
    inner = cv2.erode(oval, np.ones((5, 5), np.uint8)) > 0
    skin = inner & (row > brow + 0.05 * height)
    colors = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    if skin.sum() < FEW or np.median(colors[skin][:, 0]) < DARK:
        return None
    unlike = _unlike_skin(colors, skin, column < places[1, 0])
    body, outside = person > 0.5, oval == 0
    width = int(0.2 * height) | 1
    near = cv2.dilate(oval, np.ones((width, width), np.uint8)) > 0
    rim = body & outside & near & (row < brow)
    if (unlike[rim] > LIKE_SKIN + 2).sum() < BALD * rim.sum():
        return np.zeros((side, side), bool)

    labels = np.full((side, side), cv2.GC_BGD, np.uint8)
    labels[body] = cv2.GC_PR_BGD
    around = body & outside & (row < chin + 0.1 * height)
    labels[around] = cv2.GC_PR_FGD
    labels[around & (unlike < LIKE_SKIN)] = cv2.GC_PR_BGD
    labels[rim & (unlike > UNLIKE_SKIN)] = cv2.GC_FGD
    labels[inner & (row < brow) & (unlike > FRINGE)] = cv2.GC_PR_FGD
    neck = (row > chin) & (np.abs(column - places[CHIN, 0]) < 0.35 * height)
    labels[skin | neck | (person < 0.2)] = cv2.GC_BGD
    hair = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if hair.sum() < FEW:
        return np.zeros((side, side), bool)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    # its models are coarse: a lit forehead or a bald head is still skin
    unlike = cv2.GaussianBlur(unlike, (0, 0), 1)
    hair = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)) & (unlike > np.where(outside, 9, 15))
    hair = hair.astype(np.uint8)
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    # the rim of a silhouette is blended with the background: it goes to the hair beside it
    _, parts = cv2.connectedComponents(hair)
    hair[~np.isin(parts, parts[rim & (hair > 0)])] = 0  # clothes are not joined to the crown
    edge = (row < brow) & outside & (person > 0.3)
    return (hair > 0) | (edge & (cv2.dilate(hair, np.ones((5, 5), np.uint8)) > 0))


def _unlike_skin(colors: np.ndarray, skin: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the distance of every pixel from the nearest tone of skin: of both sides, and all."""
    scaled = colors * np.float32([LIGHTNESS, 1, 1])
    parts = [skin, *(part for part in (skin & left, skin & ~left) if part.any())]
    tones = np.stack([np.median(scaled[part], axis=0) for part in parts])
    return np.sqrt(((scaled[:, :, None] - tones) ** 2).sum(axis=3)).min(axis=2)
