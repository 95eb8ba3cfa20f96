"""Finds the landmarks of the face mesh in whole pictures: cuts the face out, and maps back.

Where pixels lie, and how boxes follow from landmarks, is as in MediaPipe, so that landmarks agree
with it: a place in fractions, times the width, is an index of a pixel (of the enlarged picture, if
it is small), not a distance from the border, which is half a pixel more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ohlora_lib.networks.face_mesh import SIDE, FaceMesh, MeshOutput

# Boxes (centre x and y, width, height, rotation) for faces that are aligned: medians of the boxes
# from MediaPipe's face detector, without their rotations of a few hundredths.
ALIGNED_BOX = (0.505, 0.593, 0.85, 0.85, 0.0)  # as StyleGAN's faces are; of 50 of them
FACES64_BOX = (0.514, 0.636, 1.135, 1.135, 0.0)  # as in the domain faces64; of 48 faces
ENLARGED = 256  # px; smaller pictures are enlarged to this, so that edges are smooth
EYE_CORNERS = 33, 263  # outer ones; the line between them is level in a box
BOX_SCALE = 1.5  # side of a box by that of the landmarks in it


class FaceLandmarks(NamedTuple):
    """The face in each of N pictures.

    Attributes:
        points: float32 [N, 478, 3]: x and y in fractions of the picture's width and height, z in
            fractions of the width, smaller towards the viewer.
        score_logit: float32 [N], above 0 if there rather is a face in the box.
        box: float32 [N, 5], where it was looked for in the last pass; as in `find_landmarks`.
    """

    points: Tensor
    score_logit: Tensor
    box: Tensor


def upright_box(box: Sequence[float] | None) -> tuple[float, ...]:
    """Return the box of aligned pictures as `find_landmarks` takes it.

    Args:
        box: centre x and y and side in fractions of the picture, as domain.segmenter.box; None for
            pictures aligned as StyleGAN's.
    """
    return ALIGNED_BOX if box is None else (*box[:2], box[2], box[2], 0.0)


def find_landmarks(
    network: FaceMesh,
    pictures: Tensor,
    box: Tensor | tuple[float, ...] = ALIGNED_BOX,
    passes: int = 1,
) -> FaceLandmarks:
    """Predict the landmarks of one face per picture; differentiable with respect to the pixels.

    Args:
        network: the face mesh.
        pictures: float [N, 3, H, W], RGB, [-1, 1].
        box: where the face is, a square in px about one and a half times as large as its landmarks:
            x and y of the centre, width and height in fractions of the picture, and rotation in
            radians, clockwise; [5] for all pictures or [N, 5].
        passes: with 2, look again in the box that follows from the landmarks found first, which
            makes up for a coarse one.
    """
    boxes = torch.as_tensor(box, dtype=pictures.dtype, device=pictures.device)
    size = pictures.shape[3], pictures.shape[2]
    pixels = enlarged(pictures)
    found = _in_boxes(network, pixels, boxes.expand(len(pictures), 5), size)
    for _ in range(passes - 1):
        boxes = box_around(found.points, size).detach()
        found = _in_boxes(network, pixels, boxes, size)
    return found


def _in_boxes(
    network: FaceMesh, pixels: Tensor, boxes: Tensor, size: tuple[int, int]
) -> FaceLandmarks:
    output = network((cut_out(pixels, boxes) * 0.5 + 0.5).clamp(0, 1))
    return FaceLandmarks(to_picture(output, boxes, size), output.score_logit, boxes)


def cut_out(pixels: Tensor, boxes: Tensor) -> Tensor:
    """Cut boxes out of pictures, bilinearly; the border repeats where a box reaches beyond.

    Args:
        pixels: float [N, 3, H, W].
        boxes: float [N, 5], as in `find_landmarks`.

    Returns:
        float [N, 3, 192, 192], in the range of the pictures.
    """
    height, width = pixels.shape[2:]
    ticks = torch.arange(SIDE, device=boxes.device, dtype=boxes.dtype) / SIDE
    cells = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), 2)  # [192, 192, 2]
    places = _from_box(cells.view(1, -1, 2), boxes, (width, height))  # fractions
    grid = places * (2 * places.new_tensor([width / (width - 1), height / (height - 1)])) - 1
    grid = grid.view(-1, SIDE, SIDE, 2)
    return F.grid_sample(pixels, grid, "bilinear", "border", align_corners=True)


def to_picture(output: MeshOutput, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Map landmarks of cut boxes to fractions of the picture.

    Args:
        output: of the network.
        boxes: float [N, 5], as in `find_landmarks`.
        size: width and height of the picture, px; only their ratio counts.

    Returns:
        float [N, 478, 3], as in `FaceLandmarks`.
    """
    landmarks = output.landmarks / SIDE
    depth = landmarks[..., 2:] * boxes[:, None, 2:3]
    return torch.cat([_from_box(landmarks[..., :2], boxes, size), depth], 2)


def box_around(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the box in which to look for a face whose landmarks are known about.

    Args:
        points: float [N, 478, 2 or 3], fractions of the picture.
        size: width and height of the picture, px; only their ratio counts.

    Returns:
        float [N, 5], as in `find_landmarks`: the box around all landmarks (not turned with the
        face, as in MediaPipe), made square about its centre and enlarged by `BOX_SCALE`; the
        rotation is that of the line between the outer corners of the eyes.
    """
    scale = points.new_tensor(size)
    flat = points[..., :2]
    low, high = flat.amin(1), flat.amax(1)
    side = ((high - low) * scale).amax(1, keepdim=True) * BOX_SCALE
    across = (flat[:, EYE_CORNERS[1]] - flat[:, EYE_CORNERS[0]]) * scale
    rotation = torch.atan2(across[:, 1], across[:, 0])
    return torch.cat([(low + high) / 2, side / scale, rotation[:, None]], 1)


def _from_box(places: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Map places [N or 1, K, 2] in fractions of a box to fractions of the picture [N, K, 2]."""
    scale = boxes.new_tensor(size)
    cos, sin = torch.cos(boxes[:, 4]), torch.sin(boxes[:, 4])
    turn = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    offsets = (places - 0.5) * (boxes[:, None, 2:4] * scale)  # px
    return boxes[:, None, :2] + offsets @ turn / scale


def enlarged(pictures: Tensor) -> Tensor:
    """Enlarge pictures that are smaller than the network's: bicubically, the shorter side 256 px.

    Args:
        pictures: float [N, 3, H, W].
    """
    sides = pictures.shape[2:]
    if min(sides) >= SIDE:
        return pictures
    # the same as F.interpolate of the pictures, but several times faster
    down, across = (_bicubic(side, round(side * ENLARGED / min(sides)), pictures) for side in sides)
    return down @ pictures @ across.T


def _bicubic(count: int, enlarged: int, like: Tensor) -> Tensor:
    """Return the matrix [enlarged, count] that interpolates a row of pixels."""
    single = torch.eye(count, dtype=like.dtype, device=like.device)[None, None]
    return F.interpolate(single, (enlarged, count), mode="bicubic", align_corners=False)[0, 0]
