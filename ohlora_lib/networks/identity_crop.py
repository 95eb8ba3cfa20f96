"""Cuts faces out of whole pictures for the identity embedding, upright by the eyes.

A cut follows from the eyes' outer corners and the tip of the nose alone, which no mouth moves, and
is as large as the distance of the eyes in space demands, which does not shrink when a head turns.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ohlora_lib.networks.face_mesh_crop import EYE_CORNERS, enlarged
from ohlora_lib.networks.identity_embedding import IdentityEmbedding

SIDE = 160  # px of a cut; the network was trained with 224, at twice the cost
SCALE = 2.6  # a cut's side by the distance of the outer corners of the eyes
NOSE_TIP = 1
DOWN = 0.35  # where the cut's centre lies between the eyes (0) and the tip of the nose (1)


def identity_embeddings(network: IdentityEmbedding, pictures: Tensor, landmarks: Tensor) -> Tensor:
    """Embed the face in each picture; differentiable with respect to pixels and landmarks.

    Args:
        network: the embedding.
        pictures: float [N, 3, H, W], RGB, [-1, 1], of any size.
        landmarks: float [N, 478, 3], as `face_mesh_crop.FaceLandmarks.points`; z counts, too.

    Returns:
        float [N, 1024] of unit length. Cosines of pictures of the same face are near 1, of other
        faces around 0.4; less the mean of many faces, around 0.
    """
    cuts = cut_faces(pictures, landmarks)
    return network(cuts.contiguous(memory_format=torch.channels_last))


def cut_faces(pictures: Tensor, landmarks: Tensor) -> Tensor:
    """Cut faces out, bilinearly; the border repeats where a cut reaches beyond.

    Args:
        pictures: see `identity_embeddings`.
        landmarks: the same.

    Returns:
        float [N, 3, 160, 160], in the range of the pictures.
    """
    width, height = pictures.shape[3], pictures.shape[2]
    scale = landmarks.new_tensor([width, height, width])  # fractions -> px
    eyes, nose = landmarks[:, list(EYE_CORNERS)] * scale, landmarks[:, NOSE_TIP, :2] * scale[:2]
    across = eyes[:, 1] - eyes[:, 0]
    side = SCALE * across.norm(dim=1)
    along = F.normalize(across[:, :2], dim=1)  # [N, xy], to the right in the cut
    down = torch.stack([-along[:, 1], along[:, 0]], 1)
    centre = torch.lerp(eyes[..., :2].mean(1), nose, DOWN)
    ticks = (torch.arange(SIDE, device=side.device, dtype=side.dtype) + 0.5) / SIDE - 0.5
    cells = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), 2).view(1, -1, 2)
    steps = torch.stack([along, down], 1) * side[:, None, None]  # [N, axis, xy]
    places = (centre[:, None] + cells @ steps) / scale[:2]
    grid = (2 * places - 1).view(-1, SIDE, SIDE, 2)
    return F.grid_sample(enlarged(pictures), grid, "bilinear", "border", align_corners=False)
