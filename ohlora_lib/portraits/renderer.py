"""Draws a batch of portraits: picture, 11-class map and true attributes.

The head is framed as in aligned CelebA: eyes in rows 3/8-9/16 and columns 1/4-3/4, mouth in rows
5/8-13/16 and columns 3/8-5/8. Painted back to front: background, clothes, hair behind the face,
neck, face, eyes, brows, nose, mouth, front hair, glasses, blurred patch.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ohlora_lib.portraits.colors import HAIR as HAIR_COLORS
from ohlora_lib.portraits.colors import hair_position, portrait_colors
from ohlora_lib.portraits.parameters import (
    PARAMETERS,
    drawn_parameters,
    hair_fall,
    strengths,
    true_attributes,
    uniform,
)
from ohlora_lib.portraits.shapes import coverage, ellipse, lens, over, palette, smooth_union

# Class indices of the face parser.
BACKGROUND, SKIN, BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT = range(6)
NOSE, UPPER_LIP, INNER_MOUTH, LOWER_LIP, HAIR = range(6, 11)

_PIVOT = (0.5, 0.56)  # the head tilts around this point


@dataclass(frozen=True)
class Portraits:
    """A batch of drawn portraits.

    Attributes:
        images: float32 [N, 3, side, side], RGB in 0..1.
        class_maps: uint8 [N, side, side], the 11 classes of the face parser.
        attributes: int64 [N] each, see `parameters.true_attributes`.
    """

    images: torch.Tensor
    class_maps: torch.Tensor
    attributes: dict[str, torch.Tensor]


class _Canvas:
    """Picture and class map under construction."""

    def __init__(self, picture: torch.Tensor):
        self.picture = picture
        self.side = picture.shape[-1]
        self.classes = torch.zeros_like(picture[:, 0], dtype=torch.uint8)

    def paint(self, alpha: torch.Tensor, color: torch.Tensor, label: int | None = None) -> None:
        """Lay `color` over the picture; where it covers at least half, the class is `label`."""
        self.picture = over(self.picture, alpha, color)
        if label is not None:
            self.classes.masked_fill_(alpha >= 0.5, label)

    def darken(self, share: torch.Tensor) -> None:
        """Take a share [N, H, W] of its brightness away."""
        self.picture = self.picture * (1 - share)[:, None]


@dataclass(frozen=True)
class _Head:
    """What more than one part of a portrait depends on; fields are [N, H, W] or [N, 1, 1].

    Attributes:
        u: the parameters by name, [N], their far tails pulled in so that no feature leaves the
            picture.
        v: the same as uniform numbers in 0..1.
        x0, y0: coordinates in the picture, fractions of its side.
        x, y: coordinates in the upright head: x from its middle, y from the top of the picture.
        tilt: radians, clockwise. yaw: about -2..2, to the right; moves near features sideways.
        light: -1..1, from the left to from the right.
        feminine, old: 0..1, [N].
        colors: of the parts, [N, 3, 1, 1], see `portrait_colors`.
        face_width: half of it. volume: of the hair beside the face. hair_end: lowest row of hair.
        curl: 0..1. phase: of the strands. wave: sideways offset of the hair's outline.
        spacing: from the middle of the face to the middle of an eye.
    """

    u: dict[str, torch.Tensor]
    v: dict[str, torch.Tensor]
    x0: torch.Tensor
    y0: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    tilt: torch.Tensor
    yaw: torch.Tensor
    light: torch.Tensor
    feminine: torch.Tensor
    old: torch.Tensor
    colors: dict[str, torch.Tensor]
    face_width: torch.Tensor
    volume: torch.Tensor
    hair_end: torch.Tensor
    curl: torch.Tensor
    phase: torch.Tensor
    wave: torch.Tensor
    spacing: torch.Tensor


def render(parameters: torch.Tensor, side: int) -> Portraits:
    """Draw portraits.

    Args:
        parameters: float32 [N, len(PARAMETERS)], standard normal coordinates.
        side: height and width in px; geometry is in fractions of it.

    Returns:
        The portraits. Drawing is deterministic: equal parameters give equal pictures.

    Raises:
        ValueError: the parameters have another shape.
    """
    if parameters.ndim != 2 or parameters.shape[1] != len(PARAMETERS):
        raise ValueError(
            f"parameters must be [N, {len(PARAMETERS)}], not {tuple(parameters.shape)}"
        )
    with torch.no_grad():
        shown = strengths(parameters)
        head = _pose_head(parameters, shown, side)
        canvas = _Canvas(_background(head))
        hair = _hair(head)
        _clothes(canvas, head)
        _back_hair(canvas, head, hair)
        _neck(canvas, head)
        shading = _face(canvas, head)
        _eyes_and_brows(canvas, head)
        _nose(canvas, head, shading)
        _mouth(canvas, head)
        _front_hair(canvas, head, hair)
        _glasses(canvas, head, shown["glass"])
        _blurred_patch(canvas, head, shown["bad"])
    return Portraits(canvas.picture.clamp(0, 1), canvas.classes, true_attributes(parameters))


def _pose_head(parameters: torch.Tensor, shown: dict[str, torch.Tensor], side: int) -> _Head:
    """Lay out what the parts share."""
    u = drawn_parameters(parameters)
    v = {name: uniform(value) for name, value in u.items()}
    n, device = len(parameters), parameters.device
    ticks = (torch.arange(side, dtype=torch.float32, device=device) + 0.5) / side
    y0, x0 = torch.meshgrid(ticks, ticks, indexing="ij")
    x0, y0 = x0.expand(n, side, side), y0.expand(n, side, side)
    tilt = _field(0.105 * u["pose"])
    sine, cosine = torch.sin(tilt), torch.cos(tilt)
    dx, dy = x0 - _PIVOT[0], y0 - _PIVOT[1]
    x, y = cosine * dx + sine * dy, cosine * dy - sine * dx + _PIVOT[1]
    feminine = shown["feminine"]
    curl, phase = _field(v["hair_curl"]), _field(0.3 * u["hair_phase"])
    return _Head(
        u=u,
        v=v,
        x0=x0,
        y0=y0,
        x=x,
        y=y,
        tilt=tilt,
        yaw=_field(0.8 * u["pose"] + 0.45 * u["yaw"]),
        light=_field(0.55 * u["light"]),
        feminine=feminine,
        old=shown["old"],
        colors=portrait_colors(u, v, shown),
        face_width=_field(0.226 + 0.012 * u["face_width"] - 0.008 * feminine),
        volume=_field(0.045 + 0.012 * u["hair_volume"] + 0.012 * feminine),
        hair_end=_field(0.42 + 0.62 * torch.sigmoid(1.05 * (hair_fall(u, feminine) - 0.25))),
        curl=curl,
        phase=phase,
        wave=curl * 0.016 * torch.sin(34 * y + 2 * phase + 3 * x.sign()),
        spacing=_field(0.122 + 0.005 * u["eye_spacing"]),
    )


def _field(value: torch.Tensor) -> torch.Tensor:
    """[N] -> [N, 1, 1], to be combined with fields."""
    return value[:, None, None]


def _background(head: _Head) -> torch.Tensor:
    """Gradient, soft blobs and waves; mean brightness and contrast are parameters of their own."""
    u, v, x, y = head.u, head.v, head.x0, head.y0
    base = head.colors["background"]
    angle = _field(0.35 * u["background_angle"])
    along = (x - 0.5) * torch.cos(angle) + (y - 0.3) * torch.sin(angle)
    across = (y - 0.3) * torch.cos(angle) - (x - 0.5) * torch.sin(angle)
    scale = _field(torch.exp(0.08 * u["background_scale"]))
    phase = _field(0.35 * u["background_phase"])
    texture = torch.sin(13 * scale * along + phase) * torch.cos(8 * scale * across - 1.6 * phase)
    fine = torch.sin(24 * scale * across + 2.3 * phase + 2 * torch.sin(9 * along))
    spot = torch.cos(17 * x * scale + phase) + torch.cos(17 * y * scale - phase)
    texture = texture + 0.5 * fine + 0.6 * torch.sigmoid(5 * (spot - 0.9)) - 0.15
    contrast = _field(0.01 + 0.16 * v["background_std"] ** 2)
    pattern = 0.04 * along + contrast * texture
    return (base + pattern.unsqueeze(1)).clamp(0.02, 0.98)


def _clothes(canvas: _Canvas, head: _Head) -> None:
    """Shoulders, plain or striped."""
    u, v, x, y = head.u, head.v, head.x0, head.y0
    width = _field(0.36 + 0.03 * u["shoulders"] - 0.03 * head.feminine)
    body = ellipse(x - 0.5 - 0.2 * head.tilt, y - 1.18, width, 0.27)
    cloth = head.colors["clothes"]
    stripes = torch.sin(90 * (x + (y - 0.97) * _field(u["clothes_pattern"]).clamp(-1, 1)))
    contrast = _field((v["clothes_pattern"] - 0.45).clamp(min=0) * 0.35)
    shade = 1 - 0.35 * ((x - 0.5).abs() / 0.4) ** 2 + 0.1 * head.light * (x - 0.5) / 0.3
    canvas.paint(
        coverage(body, canvas.side), (cloth * (shade + contrast * stripes)[:, None]).clamp(0, 1)
    )


def _back_hair(canvas: _Canvas, head: _Head, hair: torch.Tensor) -> None:
    """A cap over the skull and curtains that fall to `hair_end`."""
    x, y = head.x, head.y
    flare = _field(0.03 * torch.sigmoid(hair_fall(head.u, head.feminine))) * (y - 0.45).clamp(
        0, 0.4
    )
    outer = head.face_width + head.volume + head.wave + flare
    cap = ellipse(x, y - 0.43, outer + 0.012, _field(0.335 + 0.014 * head.u["hair_volume"]))
    cap = torch.maximum(cap, y - head.hair_end.clamp(min=0.46))
    ends = 0.015 * torch.sin(40 * x + head.phase) * (1 + head.curl)
    curtain = torch.maximum(x.abs() - outer, (0.42 - y).clamp(min=-1))
    curtain = torch.maximum(curtain, y - head.hair_end - ends)
    canvas.paint(coverage(smooth_union(cap, curtain, 0.03), canvas.side, 0.006), 0.86 * hair, HAIR)


def _neck(canvas: _Canvas, head: _Head) -> None:
    """Belongs to the background class, as for the face parser."""
    x, y = head.x0 - 0.5, head.y0
    half = _field(0.105 - 0.022 * head.feminine + 0.004 * head.u["shoulders"])
    low = _field(0.975 + 0.02 * head.u["neckline"])
    column = (x - 0.35 * head.tilt).abs() - half - 0.5 * (y - 0.9).clamp(min=0) ** 2
    column = torch.maximum(column, 0.7 - y)
    neck = torch.maximum(column, ellipse(x - 0.2 * head.tilt, y - 0.8, half + 0.06, low - 0.8))
    shade = 0.66 + 0.12 * (y - 0.8).clamp(0, 0.2) / 0.2
    canvas.paint(coverage(neck, canvas.side), head.colors["skin"] * shade[:, None], BACKGROUND)


def _face(canvas: _Canvas, head: _Head) -> torch.Tensor:
    """Ears and a shaded face with blush, wrinkles and beard; returns the shading [N, H, W]."""
    u, v, x, y = head.u, head.v, head.x, head.y
    chin = _field(0.875 + 0.014 * u["face_length"] - 0.012 * head.feminine)
    square = _field(0.62 + 0.15 * u["jaw"].clamp(-2, 2) - 0.42 * head.feminine)
    down = (y - 0.5).clamp(min=0) / (chin - 0.5)
    width = head.face_width * (1 + 0.22 * square * down - 0.16 * (1 - square) * down**2)
    height = torch.where(y > 0.5, chin - 0.5, torch.full_like(chin, 0.29))
    face = ellipse(x * head.face_width / width, y - 0.5, head.face_width, height)
    normal_x = ((x - 0.03 * head.yaw) / head.face_width).clamp(-1, 1)
    normal_y = ((y - 0.52) / 0.36).clamp(-1, 1)
    shading = 1.02 - 0.2 * normal_x**2 + 0.13 * head.light * normal_x - 0.1 * normal_y
    shading = shading - 0.08 * (normal_x * normal_y) ** 2
    edge = (face / -0.03).clamp(0, 1)  # 0 at the edge of the face, 1 from 0.03 inwards
    shading = shading - 0.125 * edge**2  # leaves a faint light around the edge
    ears = ellipse(x.abs() - head.face_width - 0.004, y - 0.52, 0.024, 0.05)
    canvas.paint(coverage(ears, canvas.side), head.colors["skin"] * 0.82, SKIN)
    tone = head.colors["skin"] * shading[:, None]
    cheek = torch.exp(-(((x.abs() - 0.12) / 0.055) ** 2 + ((y - 0.645) / 0.045) ** 2))
    blush = _field(0.06 + 0.1 * v["blush"] * (0.4 + 0.6 * head.feminine)) * cheek
    tone = over(tone, blush, _color(tone, 0.9, 0.3, 0.28))
    tone = tone * (1 - _wrinkles(x, y) * _field(0.3 * head.old))[:, None]
    stubble = (1 - head.feminine) * (0.16 + 0.62 * torch.sigmoid(3 * (u["beard"] - 0.6)))
    beard = _field(stubble) * torch.sigmoid(((y - 0.66) + 1.2 * (x.abs() - 0.1)) * 45)
    tone = over(tone, beard, 0.75 * palette(0.75 * v["hair_color"], HAIR_COLORS))
    canvas.paint(coverage(face, canvas.side), tone, SKIN)
    return shading


def _wrinkles(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Two lines on the forehead, folds beside the mouth, bags under the eyes; 0..1."""
    bend = 0.02 * torch.cos(9 * x)
    forehead = torch.exp(-(((y - 0.345 - bend) / 0.008) ** 2))
    forehead = forehead + torch.exp(-(((y - 0.315 - bend) / 0.008) ** 2))
    fold = torch.exp(-(((x.abs() - 0.075 - 0.22 * (y - 0.6)) / 0.010) ** 2))
    bags = torch.exp(-(((y - 0.555) / 0.011) ** 2 + ((x.abs() - 0.125) / 0.06) ** 2))
    lines = 0.8 * forehead * (x.abs() < 0.13) + fold * ((y > 0.6) & (y < 0.73)) + 0.9 * bags
    return lines.clamp(0, 1)


def _eyes_and_brows(canvas: _Canvas, head: _Head) -> None:
    """Both eyes open equally; brows rise a little with them."""
    u, v = head.u, head.v
    opening = _field(0.016 + 0.088 * v["eyes"])
    half = _field(0.074 + 0.005 * u["eye_width"])
    slant = _field(0.10 * u["eye_slant"].clamp(-2, 2))
    brow_color = palette(0.6 * v["hair_color"] * (1 - 0.3 * head.old), HAIR_COLORS)
    thick = _field(0.0135 + 0.003 * u["brow_thickness"] - 0.0035 * head.feminine)
    raised = 0.006 * _field(u["brow_height"]) + 0.22 * (opening - 0.065)
    outward = _field(0.008 * u["brow_slant"] + 0.005)
    sides = ((-1, EYE_LEFT, BROW_LEFT), (1, EYE_RIGHT, BROW_RIGHT))
    for sign, eye_label, brow_label in sides:
        far = 1 - 0.05 * sign * head.yaw  # the far eye is narrower
        x = (head.x - 0.016 * head.yaw - sign * head.spacing) / far
        y = head.y - 0.475 + sign * slant * x
        _eye(canvas, head, x, y, sign, opening, half, eye_label)
        t = x / 0.088
        arch = head.y - 0.392 + raised - 0.020 * t**2 - sign * t * outward
        taper = thick * (1 - 0.45 * sign * t.clamp(-1, 1))
        brow = torch.maximum(arch.abs() - taper, (t.abs() - 1) * 0.088)
        canvas.paint(0.9 * coverage(brow, canvas.side, 0.004), brow_color, brow_label)


def _eye(
    canvas: _Canvas,
    head: _Head,
    x: torch.Tensor,
    y: torch.Tensor,
    sign: int,
    opening: torch.Tensor,
    half: torch.Tensor,
    label: int,
) -> None:
    """Socket, white, iris with pupil and highlight, lids and lashes; x, y from its middle."""
    side, picture = canvas.side, canvas.picture
    up, down = 0.62 * opening, 0.38 * opening
    arc = 1 - (x / half) ** 2
    lash_color = _color(picture, 0.10, 0.06, 0.06)
    lid_color = 0.55 * head.colors["skin"]
    socket = torch.exp(-((x / 0.105) ** 2 + ((y + 0.012) / 0.062) ** 2))
    canvas.darken(0.16 * socket)
    inside = coverage(lens(x, y, half, up, down), side)
    lit = 1 - 0.30 * (1 - ((y + up) / 0.03).clamp(0, 1))  # the upper lid casts a shadow
    canvas.paint(inside, _color(picture, 0.96, 0.95, 0.94) * lit[:, None], label)
    ix, iy = x - 0.010 * _field(head.u["gaze"]) - 0.006 * head.yaw, y + 0.1 * opening
    iris = ellipse(ix, iy, 0.043, 0.043)
    rim = 1 - 0.5 * (1 + iris / 0.041).clamp(0, 1) ** 3
    iris_color = (head.colors["iris"] * 1.15 * rim[:, None]).clamp(0, 1)
    canvas.paint(inside * coverage(iris, side), iris_color)
    pupil = coverage(ellipse(ix, iy, 0.018, 0.018), side)
    canvas.paint(inside * pupil, _color(picture, 0.03, 0.03, 0.03))
    glint = coverage(ellipse(ix - 0.013, iy + 0.014, 0.010, 0.010), side)
    canvas.paint(0.95 * inside * glint, _color(picture, 1, 1, 1))
    lash = 0.0062 + 0.0048 * _field(head.feminine)
    upper = torch.maximum((y + up * arc + 0.3 * lash).abs() - lash, x.abs() - 1.06 * half)
    canvas.paint(0.92 * coverage(upper, side), lash_color)
    lower = torch.maximum((y - down * arc).abs() - 0.004, x.abs() - 0.95 * half)
    canvas.paint(0.45 * coverage(lower, side), lid_color)
    fold = (y + (up + 0.024) * (1 - (x / (1.15 * half)) ** 2)).abs() - 0.004
    canvas.paint(0.4 * coverage(torch.maximum(fold, x.abs() - half), side), lid_color)
    wing = coverage(ellipse(x - sign * 1.02 * half, y + 0.012, 0.017, 0.008), side)
    canvas.paint(0.8 * _field(head.feminine) * wing, lash_color)


def _nose(canvas: _Canvas, head: _Head, shading: torch.Tensor) -> None:
    """A ridge lit from one side, a tip and two nostrils."""
    side, u = canvas.side, head.u
    x, y = head.x - 0.030 * head.yaw, head.y
    wide = _field(0.047 + 0.005 * u["nose_width"])
    tip = _field(0.628 + 0.007 * u["nose_length"])
    down = ((y - 0.47) / (tip - 0.47)).clamp(0, 1)
    half = 0.015 + (wide - 0.015) * down**2.2
    x = x - 0.010 * head.yaw * down  # the tip sticks out, so it moves most with yaw
    ridge = torch.maximum(x.abs() - half, torch.maximum(0.478 - y, y - tip))
    nose = smooth_union(ridge, ellipse(x, y - tip + 0.022, wide, 0.026), 0.012)
    across = (x / (half + 0.01)).clamp(-1, 1)
    tint = 1 + 0.07 * head.light * across - 0.09 * across**2
    tint = tint + 0.07 * torch.exp(-((across / 0.4) ** 2))
    color = (head.colors["skin"] * (shading * tint)[:, None]).clamp(0, 1)
    canvas.paint(coverage(nose, side), color, NOSE)
    canvas.darken(0.3 * torch.exp(-(((y - tip - 0.006) / 0.011) ** 2 + (x / (1.1 * wide)) ** 2)))
    for sign in (-1, 1):
        nostril = ellipse(x - sign * 0.52 * wide, y - tip + 0.002, 0.013, 0.008)
        canvas.paint(0.75 * coverage(nostril, side), 0.3 * head.colors["skin"])


def _mouth(canvas: _Canvas, head: _Head) -> None:
    """Two lips around a dark inside with teeth and tongue."""
    side, u, v = canvas.side, head.u, head.v
    half = _field(0.092 + 0.006 * u["mouth_width"])
    opening = _field(0.003 + 0.092 * v["mouth"] ** 1.2)
    thick = 0.022 + 0.003 * u["lip_fullness"] + 0.004 * head.feminine - 0.004 * head.old
    full = _field(thick)
    t = (head.x - 0.020 * head.yaw) / half
    y = head.y - 0.708 + _field(0.014 + 0.010 * u["smile"]) * t**2
    arc = (1 - t**2).clamp(min=0)
    beyond = (t.abs() - 1) * half
    top, bottom = -0.42 * opening * arc, 0.58 * opening * arc
    cupid = 1 - 0.22 * torch.exp(-((t / 0.16) ** 2))
    upper_edge = top - full * (arc**0.6) * cupid * 0.92
    lower_edge = bottom + 1.15 * full * arc**0.6
    upper = torch.maximum(torch.maximum(upper_edge - y, y - top), beyond)
    lower = torch.maximum(torch.maximum(bottom - y, y - lower_edge), beyond)
    inner = torch.maximum(torch.maximum(top - y, y - bottom), beyond)
    color = head.colors["lips"]
    shine = 0.15 * torch.exp(-((t / 0.4) ** 2 + ((y - bottom - 0.5 * full) / 0.009) ** 2))
    lower_color = (color * (1.08 + shine)[:, None]).clamp(0, 1)
    canvas.paint(coverage(lower - 0.004, side), lower_color, LOWER_LIP)
    canvas.paint(coverage(upper - 0.004, side), 0.84 * color, UPPER_LIP)
    depth = ((y - top) / opening.clamp(min=1e-3)).clamp(0, 1)
    tongue = ((depth - 0.62) / 0.3).clamp(0, 1) * (opening > 0.03)
    dark, red = _color(color, 0.25, 0.05, 0.06), _color(color, 0.72, 0.3, 0.32)
    canvas.paint(coverage(inner, side), torch.lerp(dark, red, tongue[:, None]), INNER_MOUTH)
    teeth = torch.maximum(inner, y - top - 0.40 * opening)
    canvas.paint(0.94 * coverage(teeth + 0.003, side), _color(color, 0.95, 0.93, 0.9))
    canvas.darken(0.14 * torch.exp(-(((y - lower_edge - 0.014) / 0.010) ** 2 + (t / 0.7) ** 2)))


def _front_hair(canvas: _Canvas, head: _Head, hair: torch.Tensor) -> None:
    """Hair over the forehead and in front of the temples."""
    x, y = head.x, head.y
    from_part = x - _field(0.05 * head.u["hair_part"])
    line = _field(0.295 + 0.018 * head.u["hair_fringe"]) + 0.55 * from_part.abs() ** 1.5
    line = line + 0.012 * torch.sin(46 * from_part + head.phase) * (0.4 + head.curl)
    skull = _field(0.335 + 0.014 * head.u["hair_volume"])
    scalp = ellipse(x, y - 0.43, head.face_width + head.volume + head.wave + 0.012, skull)
    temples = head.face_width * 0.90 + 0.3 * (y - 0.42).clamp(min=0) - x.abs()
    front = torch.maximum(scalp, torch.minimum(y - line, temples))
    front = torch.maximum(front, y - head.hair_end.clamp(max=0.60))
    canvas.paint(coverage(front, canvas.side, 0.006), hair, HAIR)


def _hair(head: _Head) -> torch.Tensor:
    """Strands fan out from the parting, then fall; curls break them up along their length."""
    u, x, y, color = head.u, head.x, head.y, head.colors["hair"]
    position = hair_position(head.v, head.old)
    fan = (x - _field(0.05 * u["hair_part"])) / (0.16 + 0.9 * (y - 0.1).clamp(0, 0.35))
    fan = fan + 0.10 * head.curl * torch.sin(30 * y + head.phase)
    strands = 0.6 * torch.sin(34 * fan + 3 * head.phase)
    strands = strands + 0.4 * torch.sin(57 * fan - 2 * head.phase)
    bend = torch.sin(31 * x + 2 * torch.sin(19 * y) + head.phase)
    curls = torch.sin(40 * y + 2.6 * bend) + 0.45 * torch.sin(63 * y - 9 * x + 2 * bend)
    texture = torch.lerp(strands, 1.1 * curls, head.curl**1.3)
    shine = torch.exp(-(((y - 0.235 + 0.5 * x**2) / 0.05) ** 2))
    shine = shine * (1 + head.light * x / head.face_width)
    gloss = 0.05 + 0.17 * texture * _field(0.35 + 0.65 * position) + 0.28 * shine
    ends = 1 - 0.25 * ((y - 0.5) / 0.5).clamp(0, 1)
    gloss, ends = gloss[:, None], ends[:, None]
    return (color * (1 + gloss) * ends + 0.05 * gloss.clamp(min=0)).clamp(0, 1)


def _glasses(canvas: _Canvas, head: _Head, worn: torch.Tensor) -> None:
    """Round frames, faintly tinted; `worn` [N] in 0..1."""
    side, frame = canvas.side, _color(canvas.picture, 0.06, 0.05, 0.06)
    y = head.y
    for sign in (-1, 1):
        lens_edge = ellipse(head.x - 0.018 * head.yaw - sign * head.spacing, y - 0.48, 0.105, 0.078)
        tint = _color(canvas.picture, 0.75, 0.85, 0.95)
        canvas.paint(_field(0.10 * worn) * coverage(lens_edge, side), tint)
        canvas.paint(_field(worn) * coverage(lens_edge.abs() - 0.011, side), frame)
    bridge = torch.maximum((y - 0.468).abs() - 0.010, (head.x - 0.02 * head.yaw).abs() - 0.022)
    canvas.paint(_field(worn) * coverage(bridge, side), frame)


def _blurred_patch(canvas: _Canvas, head: _Head, bad: torch.Tensor) -> None:
    """The fault of low-quality pictures: a smeared patch over the top; `bad` [N] in 0..1."""
    u, x, y, side = head.u, head.x0, head.y0, canvas.side
    coarse = F.adaptive_avg_pool2d(canvas.picture, (8, 8))
    smear = F.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)
    streak = torch.sin(20 * (x + y) + 2 * torch.sin(9 * (x - y)) + 2 * head.phase)
    smear = torch.lerp(smear, _color(smear, 0.62, 0.52, 0.66), 0.5) + 0.10 * streak[:, None]
    patch = ellipse(x - 0.5 - 0.03 * _field(u["background_phase"]), y - 0.10, 0.26, 0.145)
    canvas.paint(_field(bad) * torch.sigmoid(-patch * 45), smear)


def _color(like: torch.Tensor, red: float, green: float, blue: float) -> torch.Tensor:
    """A colour [1, 3, 1, 1] on the device of `like`."""
    return like.new_tensor([red, green, blue]).view(1, 3, 1, 1)
