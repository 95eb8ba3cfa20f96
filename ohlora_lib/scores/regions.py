"""Class indices and small measurements on batches of class maps, shared by the property scores."""

import numpy as np

from ohlora_lib.store.layout import MAP_SIDE

BACKGROUND = 0
SKIN = 1
EYE_LEFT = 4  # at the left of the picture
EYE_RIGHT = 5
NOSE = 6
UPPER_LIP = 7
INNER_MOUTH = 8
LOWER_LIP = 9
HAIR = 10

# Half-open columns in which each eye is looked for: a stray label across the face is ignored.
EYE_COLUMNS_LEFT = (0, 168)
EYE_COLUMNS_RIGHT = (56, MAP_SIDE)


def check_batch(class_maps: np.ndarray, images: np.ndarray | None = None) -> None:
    """Raise ValueError unless the arrays are a batch of class maps (and of its pictures).

    Args:
        class_maps: uint8 [N, 224, 224].
        images: uint8 [N, 224, 224, 3]; None for a score that does not read colours.
    """
    shape = (len(class_maps), MAP_SIDE, MAP_SIDE)
    if class_maps.shape != shape or class_maps.dtype != np.uint8:
        found = f"{class_maps.dtype} {class_maps.shape}"
        raise ValueError(f"class_maps must be uint8 [N, {MAP_SIDE}, {MAP_SIDE}], got {found}")
    if images is not None and (images.shape != (*shape, 3) or images.dtype != np.uint8):
        raise ValueError(f"images must be uint8 {(*shape, 3)}, got {images.dtype} {images.shape}")


def window(
    class_maps: np.ndarray, value: int, rows: tuple[int, int], columns: tuple[int, int]
) -> np.ndarray:
    """Return where a half-open window of the maps holds a class: bool [N, rows, columns]."""
    return class_maps[:, slice(*rows), slice(*columns)] == value


def span(present: np.ndarray) -> np.ndarray:
    """Return last - first true position along the last axis: [..., L] -> int64 [...]; 0 if none."""
    last = present.shape[-1] - 1 - present[..., ::-1].argmax(axis=-1)
    return np.where(present.any(axis=-1), last - present.argmax(axis=-1), 0)


def height(mask: np.ndarray) -> np.ndarray:
    """Return max y - min y of each mask: bool [N, H, W] -> int64 [N]; 0 for an empty one."""
    return span(mask.any(axis=2))


def count(mask: np.ndarray) -> np.ndarray:
    """Return the number of true pixels of each mask: bool [N, H, W] -> int64 [N]."""
    return np.array([np.count_nonzero(one) for one in mask], dtype=np.int64)


def pixels(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (image, y, x) of every true pixel of bool [N, H, W], each int64, row by row."""
    _, rows, columns = mask.shape
    image, place = np.divmod(np.flatnonzero(mask), rows * columns)
    return image, *np.divmod(place, columns)
