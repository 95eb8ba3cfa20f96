"""The segmenter of photographs: the face by the face mesh, what is around it by a small parser."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ohlora_lib.networks.batch_norm import fold_batch_norms
from ohlora_lib.networks.face_mesh import FaceMesh
from ohlora_lib.networks.face_mesh_crop import find_landmarks, upright_box
from ohlora_lib.networks.face_mesh_maps import face_maps
from ohlora_lib.networks.face_parser import FaceParser
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.segmentation import Segmentation
from ohlora_lib.scores.landmarks import POINTS
from ohlora_lib.scores.regions import BACKGROUND, HAIR, SKIN
from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.picture_tensors import full_batches, to_float

PARSED = 64  # px, the side of the pictures that the parser has learnt from
FRINGE_OVER = (0, 1, 2, 3)  # classes that hair may cover: background, skin, brows


class MeshSegmenter:
    """Finds landmarks and a class map in whole pictures; nothing is cut off.

    Forehead and ears are skin, neck and clothes count as background. A face counts as found where
    the mesh's own score says that there rather is one.

    Args:
        mesh: the face mesh.
        parser: predicts where hair is, and skin outside the mesh.
        box: where faces lie, centre x and y and side in fractions of the picture: of aligned
            pictures it is always the same.
        batch_size: pictures at once; the last batch is padded, so that what is found in a picture
            does not depend on how many others are with it. None: 32.
        device: torch device name.
    """

    def __init__(
        self,
        mesh: FaceMesh,
        parser: FaceParser,
        box: Sequence[float] | None = None,
        batch_size: int | None = None,
        device: str = "cpu",
    ) -> None:
        last = torch.channels_last
        self.mesh = mesh.to(device, memory_format=last)
        self.parser = fold_batch_norms(parser).to(device, memory_format=last)
        self.box = upright_box(box)
        self.batch_size = batch_size or 32
        self.device = device

    def segment(self, images: np.ndarray) -> Segmentation:
        """See `Segmenter`; images uint8 [N, side, side, 3]."""
        count, height, width, _ = images.shape
        around = np.zeros((count, MAP_SIDE, MAP_SIDE), np.uint8)
        points = np.full((count, POINTS, 3), np.nan, np.float16)
        found = np.zeros(count, bool)
        for rows, batch in full_batches(images, self.batch_size):
            own = rows.stop - rows.start
            pictures = to_float(batch, self.device)
            landmarks, exists = self._landmarks(pictures)
            around[rows] = self._around(pictures)[:own]
            found[rows] = exists[:own]
            points[rows][found[rows]] = landmarks[:own][found[rows]]
        maps = face_maps(points, MAP_SIDE)
        around[~found] = 0
        maps[(around == SKIN) & (maps == BACKGROUND)] = SKIN
        maps[(around == HAIR) & np.isin(maps, FRINGE_OVER)] = HAIR
        cuts = np.tile(np.array([0, 0, width, height], np.float32), (count, 1))
        return Segmentation(maps, cuts, found, points)

    @torch.inference_mode()
    def _landmarks(self, pictures: Tensor) -> tuple[np.ndarray, np.ndarray]:
        faces = find_landmarks(self.mesh, pictures, self.box)
        return faces.points.cpu().numpy().astype(np.float16), (faces.score_logit > 0).cpu().numpy()

    @torch.inference_mode()
    def _around(self, pictures: Tensor) -> np.ndarray:
        if pictures.shape[-1] != PARSED:
            pictures = F.interpolate(pictures, (PARSED, PARSED), mode="area")
        return self.parser.class_maps(pictures, MAP_SIDE).cpu().numpy()


def load(
    weights: str | Path,
    parser: str | Path,
    box: Sequence[float] | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
) -> MeshSegmenter:
    """Build the segmenter from the checkpoints of a face mesh and of a face parser.

    Raises:
        InputError: a file holds another network.
    """
    networks = load_network(weights, FaceMesh.kind), load_network(parser, FaceParser.kind)
    return MeshSegmenter(*networks, box, batch_size, device)
