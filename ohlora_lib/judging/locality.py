"""How much a picture changes elsewhere when one property is requested."""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.judging.grids import zero_rows
from ohlora_lib.networks.property_cnn import Crops, crop
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import read_gallery


class ChangeElsewhere:
    """Compares pictures of one stepped property with their latent's all-zero picture.

    Elsewhere is outside the part of a face from which the property CNN predicts the property. A
    turned head moves everything, so for the pose the number only says how far.

    Args:
        requests: see `grids.build_requests`.
        pictures_path: their pictures.
    """

    def __init__(
        self, requests: pd.DataFrame, pictures_path: str | Path, crops: Crops | None = None
    ) -> None:
        self.crops = crops
        zeros = zero_rows(requests)
        self.anchors = read_gallery(pictures_path, zeros.to_numpy())
        self.anchor = np.full(requests["latent"].max() + 1, -1)
        self.anchor[zeros.index] = np.arange(len(zeros))
        self.latents = requests["latent"].to_numpy()
        stepped = requests[list(CONTROLLED)].to_numpy() != 0
        single = (requests["grid"] == "levels").to_numpy() & (stepped.sum(axis=1) == 1)
        self.stepped = np.where(single, stepped.argmax(axis=1), -1)

    def __call__(self, rows: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Return the mean absolute change per pixel and channel, in grey levels.

        Args:
            rows: int [N], of the requests.
            images: uint8 [N, R, R, 3], their pictures.

        Returns:
            [N]; NaN for pictures of another grid, or of no or several stepped properties.
        """
        changes = np.full(len(rows), np.nan)
        for index, name in enumerate(CONTROLLED):
            own = np.flatnonzero(self.stepped[rows] == index)
            before = self.anchors[self.anchor[self.latents[rows[own]]]]
            change = np.abs(images[own].astype(np.int16) - before)
            elsewhere = np.ones(images.shape[1:3], bool)
            top, bottom, left, right = (int(x * images.shape[1]) for x in crop(name, self.crops))
            elsewhere[top:bottom, left:right] = False
            changes[own] = change[:, elsewhere].mean(axis=(1, 2))
        return changes
