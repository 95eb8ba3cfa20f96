"""MediaPipe Face Mesh with attention: 478 landmarks of a face in three dimensions.

Grishchenko et al. 2020, "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time",
arXiv:2006.10962. A backbone predicts 468 landmarks from a picture of 192 px. By these, the eyes and
the lips are cut out of an early feature map, straightened, and their landmarks predicted again,
together with five points of each iris. All of it can be differentiated, the cuts included.

Left and right are those of the picture, as in the original file. Landmarks are numbered as in
MediaPipe, where 468 to 472 are the left iris (middle first) and 473 to 477 the right one.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 192  # px of the picture that the network sees
LANDMARKS, MESH_LANDMARKS = 478, 468  # with and without irises
CUT = 16  # side of a cut, in cells
CUT_SCALE = 1.5  # a cut's side by that of the box around the region's landmarks
PX_PER_CELL = 4  # of the feature map that regions are cut from: 48 cells for 192 px

# The landmarks that a region refines, in the order in which it predicts them; the same landmarks
# say where the region is cut out. Written from the left to the right of the picture, the lower
# line with both corners, the upper line without.
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),  # outer line, below
    *(185, 40, 39, 37, 0, 267, 269, 270, 409),  # above
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),  # inner line, below
    *(191, 80, 81, 82, 13, 312, 311, 310, 415),  # above
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),  # just inside the outer line, below
    *(184, 74, 73, 72, 11, 302, 303, 304, 408),  # above
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),  # just outside the inner line, below
    *(183, 42, 41, 38, 12, 268, 271, 272, 407),  # above
)
LEFT_EYE = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133),  # lid, below
    *(246, 161, 160, 159, 158, 157, 173),  # above
    *(130, 25, 110, 24, 23, 22, 26, 112, 243),  # first ring around it, below
    *(247, 30, 29, 27, 28, 56, 190),  # above
    *(226, 31, 228, 229, 230, 231, 232, 233, 244),  # second ring, below
    *(113, 225, 224, 223, 222, 221, 189),  # above
    *(35, 124, 46, 53, 52, 65),  # brow, lower line
    *(143, 111, 117, 118, 119, 120, 121, 128, 245),  # third ring, below
    *(156, 70, 63, 105, 66, 107, 55, 193),  # brow, upper line
)
RIGHT_EYE = (  # LEFT_EYE mirrored, so from the right to the left
    *(263, 249, 390, 373, 374, 380, 381, 382, 362),
    *(466, 388, 387, 386, 385, 384, 398),
    *(359, 255, 339, 254, 253, 252, 256, 341, 463),
    *(467, 260, 259, 257, 258, 286, 414),
    *(446, 261, 448, 449, 450, 451, 452, 453, 464),
    *(342, 445, 444, 443, 442, 441, 413),
    *(265, 353, 276, 283, 282, 295),
    *(372, 340, 346, 347, 348, 349, 350, 357, 465),
    *(383, 300, 293, 334, 296, 336, 285, 417),
)
# Region -> the landmarks at its left and right end, which lie level in the cut
CORNERS = {LIPS: (61, 291), LEFT_EYE: (33, 133), RIGHT_EYE: (362, 263)}
LID = 16  # so many landmarks of an eye come first: the border of the eye itself
LEFT_IRIS, RIGHT_IRIS = range(468, 473), range(473, 478)


class MeshOutput(NamedTuple):
    """What the network says about N pictures.

    Attributes:
        landmarks: float32 [N, 478, 3]: x to the right, y down, z away from the viewer, in px of the
            192 px picture. The zero of z is about the middle of the head; refined landmarks keep
            the z of the mesh, and an iris has the mean z of its lid.
        score_logit: float32 [N], above 0 if the picture rather holds a face.
    """

    landmarks: Tensor
    score_logit: Tensor


class Block(nn.Module):
    """Residual unit: a 3 x 3 convolution per channel, one across channels, PReLU of the sum.

    With a stride of 2 the shortcut is max pooling, and channels that it lacks are zero.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        padding = 1 if stride == 1 else 0  # TensorFlow pads before a stride of 2 at the end only
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y, shortcut = x, x
        if self.stride == 2:
            y, shortcut = _pad_end(x), F.max_pool2d(x, 2)
        y = self.pointwise(self.depthwise(y))
        y[:, : shortcut.shape[1]].add_(shortcut)  # in place, as memory is what limits the speed
        return self.prelu(y)


class Region(nn.Module):
    """Predicts the landmarks of an eye or of the lips from features cut out for it.

    Args:
        points: number of landmarks.
        iris: predict five points of the iris, too.
    """

    def __init__(self, points: int, iris: bool) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            Block(32, 32), Block(32, 32),
            Block(32, 64, 2), Block(64, 64), Block(64, 64),
            Block(64, 128, 2),
        )  # fmt: skip
        self.contour = _branch(2 * points)
        self.iris = _branch(2 * len(LEFT_IRIS)) if iris else None

    def forward(self, cut: Tensor) -> Tensor:
        """Predict from features [N, 32, 16, 16].

        Returns:
            x and y [N, points (+ 5), 2] in quarters of a cell of the cut.
        """
        x = self.trunk(cut)
        branches = [self.contour] if self.iris is None else [self.contour, self.iris]
        return torch.cat([branch(x).flatten(1) for branch in branches], 1).unflatten(1, (-1, 2))


class FaceMesh(nn.Module):
    """The whole network; `resources/face_mesh` holds its weights."""

    kind: ClassVar[str] = "face_mesh"

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2), nn.PReLU(16))
        self.early = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 32, 2))
        self.late = nn.Sequential(
            Block(32, 32), Block(32, 32),
            Block(32, 64, 2), Block(64, 64), Block(64, 64),
            Block(64, 128, 2), Block(128, 128), Block(128, 128),
            Block(128, 128, 2), Block(128, 128), Block(128, 128),
            Block(128, 128, 2), Block(128, 128), Block(128, 128),
        )  # fmt: skip
        self.reduced = _reduction()
        self.mesh = nn.Conv2d(32, 3 * MESH_LANDMARKS, 3)
        self.score = nn.Conv2d(32, 1, 3)
        self.lips = Region(len(LIPS), iris=False)
        self.left_eye = Region(len(LEFT_EYE), iris=True)
        self.right_eye = Region(len(RIGHT_EYE), iris=True)

    def config(self) -> dict:
        """Return the constructor arguments: none."""
        return {}

    def forward(self, images: Tensor) -> MeshOutput:
        """Predict landmarks and whether there is a face.

        Args:
            images: float32 [N, 3, 192, 192], RGB, [0, 1]; fastest in the memory format
                channels_last. The face upright, its landmarks over about two thirds of the side.
        """
        assert images.shape[1:] == (3, SIDE, SIDE), f"pictures of {SIDE} px expected"
        features = self.early(self.stem(_pad_end(images)))  # [N, 32, 48, 48]
        x = self.reduced(self.late(features))  # [N, 32, 3, 3]
        mesh = self.mesh(x).view(len(images), MESH_LANDMARKS, 3)
        planes = [_plane(mesh[..., :2], points, *CORNERS[points]) for points in CORNERS]
        cuts = _cut(features, planes)
        regions = (self.lips, self.left_eye, self.right_eye)
        found = [
            _on_plane(region(cut) * (1 / PX_PER_CELL), plane)
            for region, cut, plane in zip(regions, cuts, planes, strict=True)
        ]
        return MeshOutput(_refined(mesh, *found), self.score(x).flatten())


def _pad_end(x: Tensor) -> Tensor:
    """Add a row below and a column on the right, of zeros."""
    return F.pad(x, (0, 1, 0, 1))


def _reduction() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(128, 32, 1), nn.PReLU(32), Block(32, 32))


def _branch(outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Block(128, 128), Block(128, 128),
        Block(128, 128, 2), Block(128, 128), Block(128, 128),
        *_reduction(), nn.Conv2d(32, outputs, 2),
    )  # fmt: skip


def _plane(mesh: Tensor, points: tuple[int, ...], start: int, end: int) -> tuple[Tensor, Tensor]:
    """Lay a grid of 16 x 16 cells over a region, its x axis along the line from start to end.

    Args:
        mesh: x and y [N, 468, 2] in px.
        points: landmarks of the region.
        start: landmark at the left end.
        end: landmark at the right end.

    Returns:
        The corner of the grid [N, 2] in px, and the steps [N, 2 (x, y), 2 (column, row)] in px.
    """
    along = mesh[:, end] - mesh[:, start]
    along = along / along.norm(dim=1, keepdim=True).clamp(min=1e-6)
    axes = torch.stack([along, torch.stack([-along[:, 1], along[:, 0]], 1)], 2)  # [N, xy, axis]
    turned = mesh[:, list(points)] @ axes  # [N, points, axis]
    low, high = turned.amin(1), turned.amax(1)
    middle = (axes @ ((low + high) / 2)[..., None])[..., 0]
    steps = axes * ((high - low) * (CUT_SCALE / CUT))[:, None]
    return middle - steps.sum(2) * (CUT / 2), steps


def _on_plane(cells: Tensor, plane: tuple[Tensor, Tensor]) -> Tensor:
    """Return where places [N, K, 2] of a grid, in cells, lie in the picture, in px."""
    corner, steps = plane
    return corner[:, None] + cells @ steps.transpose(1, 2)


def _cut(features: Tensor, planes: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Sample features [N, C, 48, 48] in the cells of each grid, bilinearly: [N, C, 16, 16].

    What lies outside the feature map, if only by half a cell, is zero.
    """
    height, width = features.shape[2:]
    ticks = torch.arange(CUT, device=features.device, dtype=features.dtype) + 0.5
    cells = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), 2).view(1, -1, 2)
    places = torch.cat([_on_plane(cells, plane) for plane in planes], 1)  # [N, 3 * 256, 2], px
    size = places.new_tensor([width, height])
    places = places / PX_PER_CELL - 0.5  # in cells of the feature map, from the first's middle
    inside = ((places >= 0) & (places <= size - 1)).all(2)
    grid = places * (2 / (size - 1)) - 1
    sampled = F.grid_sample(features, grid[:, :, None], "bilinear", "zeros", align_corners=True)
    sampled = sampled * inside[:, None, :, None]
    shape = (len(planes), CUT, CUT)
    return [
        cut.contiguous(memory_format=torch.channels_last)
        for cut in sampled.view(*features.shape[:2], *shape).unbind(2)
    ]


def _refined(mesh: Tensor, lips: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Put the x and y of regions into the mesh [N, 468, 3] and add the irises: [N, 478, 3]."""
    landmarks = [mesh]
    for eye, region in ((left, LEFT_EYE), (right, RIGHT_EYE)):
        depth = mesh[:, list(region[:LID]), 2:].mean(1, keepdim=True)
        iris = eye[:, len(region) :]
        landmarks.append(torch.cat([iris, depth.expand(-1, iris.shape[1], -1)], 2))
    whole = torch.cat(landmarks, 1)
    places = torch.tensor([*LIPS, *LEFT_EYE, *RIGHT_EYE], device=mesh.device)
    better = torch.cat([lips, left[:, : len(LEFT_EYE)], right[:, : len(RIGHT_EYE)]], 1)
    flat = whole[..., :2].index_copy(1, places, better)
    return torch.cat([flat, whole[..., 2:]], 2)
