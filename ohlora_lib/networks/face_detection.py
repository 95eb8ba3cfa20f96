"""Finds faces with MTCNN: windows at all scales, then two networks that look again at the best.

The numbers, and what is rounded where, are those of facenet-pytorch, so that boxes agree with it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import nms

from ohlora_lib.networks.mtcnn import MTCNN, OutputNet, RefinementNet
from ohlora_lib.store.picture_tensors import full_batches

MIN_FACE = 20  # px, side of the smallest face searched for
FACTOR = 0.709  # from one scale of the pyramid to the next
THRESHOLDS = (0.6, 0.7, 0.7)  # probabilities that P-, R- and O-Net must reach
WINDOW, STRIDE = 12, 2  # px, of P-Net in the resized picture
OVERLAP_IN_SCALE, OVERLAP = 0.5, 0.7  # shares above which the less likely of two boxes goes


@dataclass(frozen=True)
class Faces:
    """The faces in one picture, the largest box first.

    Attributes:
        boxes: float32 [K, 4], x0, y0, x1, y1 in px; may reach beyond the picture.
        probabilities: float32 [K].
    """

    boxes: np.ndarray
    probabilities: np.ndarray


class FaceDetector:
    """MTCNN with the settings of the reference.

    Args:
        network: the trained networks.
        batch_size: pictures searched for windows at once; the last batch is padded, so that what
            is found in a picture does not depend on how many others there are.
        device: torch device name.
    """

    def __init__(self, network: MTCNN, batch_size: int = 16, device: str = "cpu") -> None:
        self.network = network.eval().to(device)
        self.batch_size = batch_size
        self.device = device

    @torch.inference_mode()
    def detect(self, images: np.ndarray) -> list[Faces]:
        """Find the faces in uint8 RGB pictures [N, H, W, 3]."""
        found = []
        for rows, batch in full_batches(images, self.batch_size):
            pixels = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float()
            windows = self._windows(pixels)
            for index in range(rows.stop - rows.start):
                found.append(self._faces(pixels[index], [part[index] for part in windows]))
        return found

    def _windows(self, pixels: Tensor) -> list[list[Tensor]]:
        """Return per scale and picture the promising windows [K, 9]: box, score, correction."""
        height, width = pixels.shape[2:]
        scales = []
        scale = WINDOW / MIN_FACE
        side = min(height, width) * scale
        while side >= WINDOW:
            size = int(height * scale + 1), int(width * scale + 1)
            scores, corrections = self.network.pnet(_contrast(_resize(pixels, size)))
            picked = []
            for score, correction in zip(scores, corrections, strict=True):
                places = (score >= THRESHOLDS[0]).nonzero()  # [K, 2], row and column
                corner = STRIDE * places.flip(1).float()
                box = [((corner + 1) / scale).floor(), ((corner + WINDOW) / scale).floor()]
                y, x = places.T
                rows = [*box, score[y, x, None], correction[:, y, x].T]
                picked.append(_distinct(torch.cat(rows, dim=1), OVERLAP_IN_SCALE))
            scales.append(picked)
            scale, side = scale * FACTOR, side * FACTOR
        return scales

    def _faces(self, picture: Tensor, windows: list[Tensor]) -> Faces:
        """Judge the windows of all scales in one picture [3, H, W]."""
        rows = _distinct(torch.cat([picture.new_empty(0, 9), *windows]), OVERLAP)
        boxes = _square(_corrected(rows[:, :4], rows[:, 5:], extra=0))
        boxes, scores, corrections = self._ask(self.network.rnet, THRESHOLDS[1], picture, boxes)
        kept = nms(boxes, scores, OVERLAP)
        boxes = _square(_corrected(boxes[kept], corrections[kept]))
        boxes, scores, corrections = self._ask(self.network.onet, THRESHOLDS[2], picture, boxes)
        boxes = _corrected(boxes, corrections).cpu().numpy()
        scores = scores.cpu().numpy()
        kept = _not_inside(boxes, scores)
        boxes, scores = boxes[kept], scores[kept]
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        order = np.argsort(areas)[::-1]
        return Faces(boxes[order], scores[order])

    def _ask(
        self, network: RefinementNet | OutputNet, threshold: float, picture: Tensor, boxes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the boxes [K, 4] a network agrees with, its scores [K] and corrections [K, 4]."""
        height, width = picture.shape[1:]
        low = (boxes[:, :2].trunc().int().clamp(min=1) - 1).tolist()
        limit = torch.tensor([width, height], device=boxes.device)
        high = boxes[:, 2:].trunc().int().minimum(limit).tolist()
        crops, inside = [], []
        for index, ((x0, y0), (x1, y1)) in enumerate(zip(low, high, strict=True)):
            if x1 > x0 and y1 > y0:
                crop = picture[None, :, y0:y1, x0:x1]
                crops.append(_resize(crop, (network.side, network.side)))
                inside.append(index)
        if not inside:
            return boxes[:0], boxes.new_empty(0), boxes[:0]
        scores, corrections = network(_contrast(torch.cat(crops)))
        sure = scores > threshold
        return boxes[inside][sure], scores[sure], corrections[sure]


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(pixels, size, mode="area")


def _contrast(pixels: Tensor) -> Tensor:
    return (pixels - 127.5) / 128


def _distinct(rows: Tensor, overlap: float) -> Tensor:
    """Drop rows [K, 5 or more] (box, score, …) whose box is nearly that of a likelier one."""
    return rows[nms(rows[:, :4], rows[:, 4], overlap)]


def _corrected(boxes: Tensor, corrections: Tensor, extra: int = 1) -> Tensor:
    """Move the sides of boxes [K, 4] by shares of their size; `extra` px count towards it."""
    size = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + corrections * size.repeat(1, 2)


def _square(boxes: Tensor) -> Tensor:
    """Lengthen the shorter side of boxes [K, 4] about the centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + size * 0.5 - side * 0.5
    return torch.cat([corner, corner + side], dim=1)


def _not_inside(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Return the boxes, likeliest first, that do not lie mostly inside a likelier one."""
    x0, y0, x1, y1 = boxes.T
    areas = (x1 - x0 + 1) * (y1 - y0 + 1)
    waiting = np.argsort(scores)
    kept = []
    while len(waiting):
        best, waiting = waiting[-1], waiting[:-1]
        kept.append(int(best))
        wide = np.minimum(x1[best], x1[waiting]) - np.maximum(x0[best], x0[waiting]) + 1
        high = np.minimum(y1[best], y1[waiting]) - np.maximum(y0[best], y0[waiting]) + 1
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        waiting = waiting[shared <= OVERLAP * np.minimum(areas[best], areas[waiting])]
    return kept
