"""Draws a batch of portraits: picture, 11-class map and true attributes.

The head is framed as in aligned CelebA: eyes in rows 3/8-9/16 and columns 1/4-3/4, mouth in rows
5/8-13/16 and columns 3/8-5/8. Painted back to front: background, clothes, hair behind the face,
neck, face, eyes, brows, nose, mouth, front hair, glasses, blurred patch.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ohlora_lib.portraits.parameters import (
    AGE_CUT,
    GENDER_CUT,
    GLASS_CUT,
    PARAMETERS,
    QUALITY_CUT,
    true_attributes,
    uniform,
)
from ohlora_lib.portraits.shapes import (
    coverage,
    ellipse,
    hue_color,
    lens,
    over,
    palette,
    smooth_union,
)

# Class indices of the face parser (spec section 3).
BACKGROUND, SKIN, BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT = range(6)
NOSE, UPPER_LIP, INNER_MOUTH, LOWER_LIP, HAIR = range(6, 11)

_SKIN = [
    (0.98, 0.86, 0.77),
    (0.95, 0.77, 0.65),
    (0.84, 0.63, 0.49),
    (0.64, 0.44, 0.32),
    (0.42, 0.28, 0.2),
]
_HAIR = [
    (0.07, 0.06, 0.07), (0.17, 0.11, 0.09), (0.31, 0.19, 0.12), (0.48, 0.31, 0.17),
    (0.68, 0.5, 0.28), (0.86, 0.72, 0.47), (0.95, 0.89, 0.74),
]  # fmt: skip
_IRIS = [
    (0.23, 0.12, 0.06),
    (0.42, 0.26, 0.12),
    (0.33, 0.44, 0.2),
    (0.2, 0.47, 0.52),
    (0.25, 0.47, 0.78),
]
_LIPS = [(0.72, 0.45, 0.38), (0.8, 0.4, 0.38), (0.82, 0.25, 0.3), (0.68, 0.1, 0.2)]
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
        self.classes = torch.zeros_like(picture[:, 0], dtype=torch.uint8)

    def paint(self, alpha: torch.Tensor, color: torch.Tensor, label: int | None = None) -> None:
        """Lay `color` over the picture; where it covers at least half, the class is `label`."""
        self.picture = over(self.picture, alpha, color)
        if label is not None:
            self.classes.masked_fill_(alpha >= 0.5, label)


def render(parameters: torch.Tensor, side: int) -> Portraits:
    """Draw portraits.

    Args:
        parameters: float32 [N, len(PARAMETERS)], standard normal coordinates.
        side: height and width in px; geometry is in fractions of it.

    Returns:
        The portraits. Drawing is deterministic: equal parameters give equal pictures.
    """
    if parameters.ndim != 2 or parameters.shape[1] != len(PARAMETERS):
        raise ValueError(
            f"parameters must be [N, {len(PARAMETERS)}], not {tuple(parameters.shape)}"
        )
    with torch.no_grad():
        # Far tails are pulled in softly, so that no feature leaves the picture.
        u = {name: 2.6 * torch.tanh(parameters[:, i] / 2.6) for i, name in enumerate(PARAMETERS)}
        raw = {name: parameters[:, i] for i, name in enumerate(PARAMETERS)}
        canvas = _draw(u, raw, side)
    return Portraits(canvas.picture.clamp(0, 1), canvas.classes, true_attributes(parameters))


def _draw(u: dict[str, torch.Tensor], raw: dict[str, torch.Tensor], side: int) -> _Canvas:
    n = len(u["gender"])
    ticks = (torch.arange(side, dtype=torch.float32, device=u["gender"].device) + 0.5) / side
    y0, x0 = torch.meshgrid(ticks, ticks, indexing="ij")
    x0, y0 = x0.expand(n, side, side), y0.expand(n, side, side)

    def field(value: torch.Tensor) -> torch.Tensor:
        return value[:, None, None]

    feminine = torch.sigmoid(7 * (raw["gender"] - GENDER_CUT))
    old = torch.sigmoid(9 * (raw["age"] - AGE_CUT))
    v = {name: uniform(value) for name, value in u.items()}

    # Head coordinates: the picture turned back by the tilt; yaw shifts near features sideways.
    tilt = field(0.105 * u["pose"])
    yaw = field(0.8 * u["pose"] + 0.45 * u["yaw"])
    sine, cosine = torch.sin(tilt), torch.cos(tilt)
    dx, dy = x0 - _PIVOT[0], y0 - _PIVOT[1]
    x = cosine * dx + sine * dy
    y = cosine * dy - sine * dx + _PIVOT[1]

    light = field(0.55 * u["light"])
    canvas = _Canvas(_background(v, u, x0, y0))

    # --- clothes -----------------------------------------------------------------------------
    shoulder = field(0.36 + 0.03 * u["shoulders"] - 0.03 * feminine)
    body = ellipse(x0 - 0.5 - 0.2 * tilt, y0 - 1.18, shoulder, 0.27)
    cloth = hue_color(
        v["clothes_hue"], 0.75 * v["clothes_saturation"], 0.15 + 0.7 * v["clothes_brightness"]
    )
    stripes = torch.sin(90 * (x0 + y0 * field(u["clothes_pattern"]).clamp(-1, 1)))
    amount = field((v["clothes_pattern"] - 0.45).clamp(min=0) * 0.35)
    shade = 1 - 0.35 * ((x0 - 0.5).abs() / 0.4) ** 2 + 0.1 * light * (x0 - 0.5) / 0.3
    cloth = (cloth * (shade + amount * stripes).unsqueeze(1)).clamp(0, 1)
    canvas.paint(coverage(body, side), cloth)

    # --- hair behind the face ----------------------------------------------------------------
    face_w = field(0.226 + 0.012 * u["face_width"] - 0.008 * feminine)
    chin = field(0.875 + 0.014 * u["face_length"] - 0.012 * feminine)
    volume = field(0.045 + 0.012 * u["hair_volume"] + 0.012 * feminine)
    length = u["hair_length"] + 0.9 * (2 * feminine - 1)
    hair_end = field(0.42 + 0.62 * torch.sigmoid(1.05 * (length - 0.25)))
    curl = field(v["hair_curl"])
    phase = field(u["hair_phase"])
    wave = curl * 0.016 * torch.sin(34 * y + 2 * phase + 3 * x.sign())
    outer = face_w + volume + wave + field(0.03 * torch.sigmoid(length)) * (y - 0.45).clamp(0, 0.4)
    cap = ellipse(x, y - 0.43, outer + 0.012, field(0.335 + 0.014 * u["hair_volume"]))
    curtain = torch.maximum(x.abs() - outer, (0.42 - y).clamp(min=-1))
    curtain = torch.maximum(curtain, y - hair_end - 0.015 * torch.sin(40 * x + phase) * (1 + curl))
    cap = torch.maximum(cap, y - torch.maximum(hair_end, torch.full_like(hair_end, 0.46)))
    back_hair = smooth_union(cap, curtain, 0.03)
    hair = _hair_color(v, u, raw, old, x, y, curl, phase, light, face_w)
    canvas.paint(coverage(back_hair, side, 0.006), 0.86 * hair, HAIR)

    # --- neck --------------------------------------------------------------------------------
    skin = palette(0.02 + 0.86 * v["skin_tone"] ** 1.6, _SKIN)
    warmth = 0.025 * u["skin_warmth"][:, None, None, None]
    skin = skin * torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)
    neck_w = field(0.105 - 0.022 * feminine + 0.004 * u["shoulders"])
    neck_low = field(0.975 + 0.02 * u["neckline"])
    neck = torch.maximum(
        (x0 - 0.5 - 0.35 * tilt).abs() - neck_w - 0.5 * (y0 - 0.9).clamp(min=0) ** 2, 0.7 - y0
    )
    neck = torch.maximum(
        neck, ellipse(x0 - 0.5 - 0.2 * tilt, y0 - 0.8, neck_w + 0.06, neck_low - 0.8)
    )
    canvas.paint(
        coverage(neck, side),
        skin * (0.66 + 0.12 * (y0 - 0.8).clamp(0, 0.2) / 0.2).unsqueeze(1),
        BACKGROUND,
    )

    # --- face --------------------------------------------------------------------------------
    square = field(0.62 + 0.15 * u["jaw"].clamp(-2, 2) - 0.42 * feminine)
    down = (y - 0.5).clamp(min=0) / (chin - 0.5)
    width = face_w * (1 + 0.22 * square * down - 0.16 * (1 - square) * down**2)
    face = ellipse(
        x * face_w / width,
        y - 0.5,
        face_w,
        torch.where(y > 0.5, chin - 0.5, torch.full_like(chin, 0.29)),
    )
    ears = ellipse(x.abs() - face_w - 0.004, y - 0.52, 0.024, 0.05)
    face_cov = coverage(face, side)
    normal_x = ((x - 0.03 * yaw) / face_w).clamp(-1, 1)
    normal_y = ((y - 0.52) / 0.36).clamp(-1, 1)
    shading = (
        1.02
        - 0.2 * normal_x**2
        + 0.13 * light * normal_x
        - 0.1 * normal_y
        - 0.08 * (normal_x * normal_y) ** 2
    )
    shading = (
        shading - 0.25 * (-0.03 - face).clamp(min=-0.03, max=0).add(0.03).div(0.03).pow(2) * 0.5
    )
    canvas.paint(coverage(ears, side), skin * 0.82, SKIN)
    tone = skin * shading.unsqueeze(1)
    # Blush, wrinkles and beard are tints of the skin.
    cheek = torch.exp(-(((x.abs() - 0.12) / 0.055) ** 2 + ((y - 0.645) / 0.045) ** 2))
    blush = field(0.06 + 0.1 * v["blush"] * (0.4 + 0.6 * feminine)) * cheek
    tone = over(tone, blush, tone.new_tensor([0.9, 0.3, 0.28]).view(1, 3, 1, 1))
    lines = torch.exp(-(((y - 0.345 - 0.02 * torch.cos(9 * x)) / 0.008) ** 2))
    lines = lines + torch.exp(-(((y - 0.315 - 0.02 * torch.cos(9 * x)) / 0.008) ** 2))
    fold = torch.exp(-(((x.abs() - 0.075 - 0.22 * (y - 0.6)) / 0.010) ** 2)) * (
        (y > 0.6) & (y < 0.73)
    )
    bags = torch.exp(-(((y - 0.555) / 0.011) ** 2 + ((x.abs() - 0.125) / 0.06) ** 2))
    wrinkles = field(0.3 * old) * (0.8 * lines * (x.abs() < 0.13) + fold + 0.9 * bags).clamp(0, 1)
    tone = tone * (1 - wrinkles).unsqueeze(1)
    beard_zone = torch.sigmoid(((y - 0.66) + 1.2 * (x.abs() - 0.1)) * 45)
    beard = (
        field((1 - feminine) * (0.16 + 0.62 * torch.sigmoid(3 * (u["beard"] - 0.6)))) * beard_zone
    )
    beard_color = 0.75 * palette(0.75 * v["hair_color"], _HAIR)
    tone = over(tone, beard, beard_color)
    canvas.paint(face_cov, tone, SKIN)

    # --- eyes and brows ----------------------------------------------------------------------
    opening = field(0.016 + 0.088 * v["eyes"])
    eye_half = field(0.074 + 0.005 * u["eye_width"])
    spacing = field(0.122 + 0.005 * u["eye_spacing"])
    slant = field(0.10 * u["eye_slant"].clamp(-2, 2))
    iris_color = palette(v["iris_color"], _IRIS)
    gaze = 0.010 * field(u["gaze"]) + 0.006 * yaw
    brow_color = palette(0.6 * v["hair_color"] * (1 - 0.3 * old), _HAIR)
    for sign, eye_label, brow_label in ((-1, EYE_LEFT, BROW_LEFT), (1, EYE_RIGHT, BROW_RIGHT)):
        narrow = 1 - 0.05 * sign * yaw  # the far eye is narrower
        ex = (x - 0.016 * yaw - sign * spacing) / narrow
        ey = y - 0.475 + sign * slant * (ex - 0)
        _eye(
            canvas,
            ex,
            ey,
            sign,
            opening,
            eye_half,
            iris_color,
            gaze,
            feminine,
            skin,
            side,
            eye_label,
        )
        thick = field(0.0135 + 0.003 * u["brow_thickness"] - 0.0035 * feminine)
        by = y - (0.392 - 0.006 * field(u["brow_height"]) - 0.22 * (opening - 0.065))
        bx = ex / 0.088
        arch = 0.020 * bx**2 + sign * bx * field(0.008 * u["brow_slant"] + 0.005)
        brow = torch.maximum(
            (by - arch).abs() - thick * (1.0 - 0.45 * sign * bx.clamp(-1, 1)),
            (bx.abs() - 1) * 0.088,
        )
        canvas.paint(0.9 * coverage(brow, side, 0.004), brow_color, brow_label)

    _nose(canvas, u, v, x - 0.030 * yaw, y, skin, shading, light, yaw, side)
    _mouth(canvas, u, v, x - 0.020 * yaw, y, feminine, old, skin, side)

    # --- front hair --------------------------------------------------------------------------
    part = field(0.05 * u["hair_part"])
    line = field(0.295 + 0.018 * u["hair_fringe"]) + 0.55 * (x - part).abs() ** 1.5
    line = line + 0.012 * torch.sin(46 * (x - part) + phase) * (0.4 + curl)
    scalp = ellipse(
        x, y - 0.43, face_w + volume + wave + 0.012, field(0.335 + 0.014 * u["hair_volume"])
    )
    front = torch.maximum(
        scalp, torch.minimum(y - line, face_w * 0.90 + 0.3 * (y - 0.42).clamp(min=0) - x.abs())
    )
    front = torch.maximum(front, y - torch.minimum(hair_end, torch.full_like(hair_end, 0.60)))
    canvas.paint(coverage(front, side, 0.006), hair, HAIR)

    # --- glasses and blurred patch -------------------------------------------------------------
    glass = torch.sigmoid(14 * (raw["glass"] - GLASS_CUT))
    for sign in (-1, 1):
        gx = x - 0.018 * yaw - sign * spacing
        ring = ellipse(gx, y - 0.48, 0.105, 0.078)
        canvas.paint(
            field(0.10 * glass) * coverage(ring, side),
            canvas.picture.new_tensor([0.75, 0.85, 0.95]).view(1, 3, 1, 1),
        )
        canvas.paint(
            field(glass) * coverage(ring.abs() - 0.011, side),
            canvas.picture.new_tensor([0.06, 0.05, 0.06]).view(1, 3, 1, 1),
        )
    bridge = torch.maximum((y - 0.468).abs() - 0.010, (x - 0.02 * yaw).abs() - 0.022)
    canvas.paint(
        field(glass) * coverage(bridge, side),
        canvas.picture.new_tensor([0.06, 0.05, 0.06]).view(1, 3, 1, 1),
    )
    bad = torch.sigmoid(14 * (QUALITY_CUT - raw["quality"]))
    canvas.picture = _blurred_patch(canvas.picture, bad, u, x0, y0)
    return canvas


def _background(v, u, x, y) -> torch.Tensor:
    """Gradient, soft blobs and waves; mean brightness and contrast are parameters of their own."""

    def field(value):
        return value[:, None, None]

    mean = 0.10 + 0.80 * v["background_mean"]
    base = hue_color(v["background_hue"], 0.45 * v["background_saturation"], mean)
    angle = field(1.3 * u["background_angle"])
    along = (x - 0.5) * torch.cos(angle) + (y - 0.3) * torch.sin(angle)
    across = (y - 0.3) * torch.cos(angle) - (x - 0.5) * torch.sin(angle)
    scale = field(torch.exp(0.35 * u["background_scale"]))
    phase = field(1.7 * u["background_phase"])
    texture = torch.sin(13 * scale * along + phase) * torch.cos(8 * scale * across - 1.6 * phase)
    texture = texture + 0.5 * torch.sin(
        24 * scale * across + 2.3 * phase + 2 * torch.sin(9 * along)
    )
    spot = torch.cos(17 * x * scale + phase) + torch.cos(17 * y * scale - phase)
    texture = texture + 0.6 * torch.sigmoid(5 * (spot - 0.9)) - 0.15
    contrast = field(0.01 + 0.16 * v["background_std"] ** 2)
    pattern = 0.06 * along + contrast * texture
    return (base + pattern.unsqueeze(1)).clamp(0.02, 0.98)


def _hair_color(v, u, raw, old, x, y, curl, phase, light, face_w) -> torch.Tensor:
    """Strands fan out from the parting, then fall; curls break them up along their length."""

    def field(value):
        return value[:, None, None]

    position = v["hair_color"] * (1 - old) + old * (0.72 + 0.28 * v["hair_color"])
    color = palette(position, _HAIR)
    red = (0.10 * u["hair_red"].clamp(min=-0.4) * (1 - old))[:, None, None, None]
    color = color * torch.cat([1 + red, 1 - 0.2 * red, 1 - 0.9 * red], dim=1)
    grey = color.mean(dim=1, keepdim=True)
    color = torch.lerp(color, grey, (0.8 * old)[:, None, None, None])
    fan = (x - field(0.05 * u["hair_part"])) / (0.16 + 0.9 * (y - 0.1).clamp(0, 0.35))
    sway = 0.10 * curl * torch.sin(30 * y + phase)
    strands = 0.6 * torch.sin(34 * (fan + sway) + 3 * phase) + 0.4 * torch.sin(
        57 * (fan + sway) - 2 * phase
    )
    bend = torch.sin(31 * x + 2 * torch.sin(19 * y) + phase)
    curls = torch.sin(40 * y + 2.6 * bend) + 0.45 * torch.sin(63 * y - 9 * x + 2 * bend)
    texture = torch.lerp(strands, 1.1 * curls, curl**1.3)
    shine = torch.exp(-(((y - 0.235 + 0.5 * x**2) / 0.05) ** 2)) * (1 + light * x / face_w)
    gloss = (
        0.05 + 0.17 * texture * (0.35 + 0.65 * position[:, None, None]) + 0.28 * shine
    ).unsqueeze(1)
    dark_ends = 1 - 0.25 * ((y - 0.5) / 0.5).clamp(0, 1).unsqueeze(1)
    return (color * (1 + gloss) * dark_ends + 0.05 * gloss.clamp(min=0)).clamp(0, 1)


def _eye(
    canvas, ex, ey, sign, opening, half, iris_color, gaze, feminine, skin, side, label
) -> None:
    """Socket shadow, white, iris with pupil and highlight, lids and lashes."""

    def field(value):
        return value[:, None, None]

    up, down = 0.62 * opening, 0.38 * opening
    socket = torch.exp(-((ex / 0.105) ** 2 + ((ey + 0.012) / 0.062) ** 2))
    canvas.picture = canvas.picture * (1 - 0.16 * socket).unsqueeze(1)
    eye = lens(ex, ey, half, up, down)
    inside = coverage(eye, side)
    top_shadow = (1 - 0.30 * ((ey + up) / 0.03).clamp(0, 1).neg().add(1)).unsqueeze(1)
    white = canvas.picture.new_tensor([0.96, 0.95, 0.94]).view(1, 3, 1, 1)
    canvas.paint(inside, white * top_shadow, label)
    ix, iy = ex - gaze, ey + 0.1 * opening
    iris = ellipse(ix, iy, 0.043, 0.043)
    ring = (1 - 0.5 * (1 + iris / 0.041).clamp(0, 1) ** 3).unsqueeze(1)
    canvas.paint(inside * coverage(iris, side), (iris_color * 1.15 * ring).clamp(0, 1))
    canvas.paint(
        inside * coverage(ellipse(ix, iy, 0.018, 0.018), side),
        canvas.picture.new_tensor(0.03).view(1, 1, 1, 1),
    )
    glint = ellipse(ix - 0.013, iy + 0.014, 0.010, 0.010)
    canvas.paint(
        0.95 * inside * coverage(glint, side), canvas.picture.new_tensor(1.0).view(1, 1, 1, 1)
    )
    lash = 0.0062 + 0.0048 * field(feminine)
    arc = 1 - (ex / half) ** 2
    upper_line = torch.maximum((ey + up * arc + 0.3 * lash).abs() - lash, ex.abs() - 1.06 * half)
    canvas.paint(
        0.92 * coverage(upper_line, side),
        canvas.picture.new_tensor([0.10, 0.06, 0.06]).view(1, 3, 1, 1),
    )
    lower_line = torch.maximum((ey - down * arc).abs() - 0.004, ex.abs() - 0.95 * half)
    canvas.paint(0.45 * coverage(lower_line, side), 0.55 * skin)
    crease = torch.maximum(
        (ey + (up + 0.024) * (1 - (ex / (1.15 * half)) ** 2)).abs() - 0.004, ex.abs() - half
    )
    canvas.paint(0.4 * coverage(crease, side), 0.55 * skin)
    wing = ellipse(ex - sign * 1.02 * half, ey + 0.012, 0.017, 0.008)
    canvas.paint(
        0.8 * field(feminine) * coverage(wing, side),
        canvas.picture.new_tensor([0.10, 0.06, 0.06]).view(1, 3, 1, 1),
    )


def _nose(canvas, u, v, x, y, skin, shading, light, yaw, side) -> None:
    """A ridge lit from one side, a tip and two nostrils."""

    def field(value):
        return value[:, None, None]

    wide = field(0.047 + 0.005 * u["nose_width"])
    tip = field(0.628 + 0.007 * u["nose_length"])
    down = ((y - 0.47) / (tip - 0.47)).clamp(0, 1)
    half = 0.015 + (wide - 0.015) * down**2.2
    centre = 0.010 * yaw * down  # the tip sticks out, so it moves most with yaw
    region = torch.maximum((x - centre).abs() - half, torch.maximum(0.478 - y, y - tip))
    region = smooth_union(region, ellipse(x - centre, y - tip + 0.022, wide, 0.026), 0.012)
    inside = coverage(region, side)
    side_shade = ((x - centre) / (half + 0.01)).clamp(-1, 1)
    tint = (
        1
        + 0.07 * light * side_shade
        - 0.09 * side_shade**2
        + 0.07 * torch.exp(-((side_shade / 0.4) ** 2))
    )
    canvas.paint(inside, (skin * (shading * tint).unsqueeze(1)).clamp(0, 1), NOSE)
    under = torch.exp(-(((y - tip - 0.006) / 0.011) ** 2 + ((x - centre) / (1.1 * wide)) ** 2))
    canvas.picture = canvas.picture * (1 - 0.3 * under).unsqueeze(1)
    for sign in (-1, 1):
        nostril = ellipse(x - centre - sign * 0.52 * wide, y - tip + 0.002, 0.013, 0.008)
        canvas.paint(0.75 * coverage(nostril, side), 0.3 * skin)


def _mouth(canvas, u, v, x, y, feminine, old, skin, side) -> None:
    """Two lips around a dark inside with teeth and tongue."""

    def field(value):
        return value[:, None, None]

    half = field(0.092 + 0.006 * u["mouth_width"])
    opening = field(0.003 + 0.092 * v["mouth"] ** 1.2)
    full = field(0.022 + 0.003 * u["lip_fullness"] + 0.004 * feminine - 0.004 * old)
    t = x / half
    arc = (1 - t**2).clamp(min=0)
    curve = field(0.014 + 0.010 * u["smile"]) * t**2
    my = y - 0.708 + curve
    color = palette(0.12 + 0.25 * v["lip_color"] + 0.6 * feminine * v["lip_color"], _LIPS)
    color = (
        color
        * (0.55 + 0.45 * skin / skin.amax(dim=1, keepdim=True))
        * (0.45 + 0.6 * skin.mean(dim=1, keepdim=True))
    )
    top, bottom = -0.42 * opening * arc, 0.58 * opening * arc
    cupid = 1 - 0.22 * torch.exp(-((t / 0.16) ** 2))
    upper_edge = top - full * (arc**0.6) * cupid * 0.92
    lower_edge = bottom + 1.15 * full * arc**0.6
    span = x.abs() - half
    lips_upper = torch.maximum(torch.maximum(upper_edge - my, my - top), span)
    lips_lower = torch.maximum(torch.maximum(bottom - my, my - lower_edge), span)
    inner = torch.maximum(torch.maximum(top - my, my - bottom), span)
    canvas.paint(
        coverage(lips_lower - 0.004, side),
        (
            color
            * (
                1.08
                + 0.15
                * torch.exp(
                    -((t / 0.4) ** 2 + ((my - bottom - 0.5 * full) / 0.009) ** 2)
                ).unsqueeze(1)
            )
        ).clamp(0, 1),
        LOWER_LIP,
    )
    canvas.paint(coverage(lips_upper - 0.004, side), 0.84 * color, UPPER_LIP)
    depth = ((my - top) / opening.clamp(min=1e-3)).clamp(0, 1)
    dark = canvas.picture.new_tensor([0.25, 0.05, 0.06]).view(1, 3, 1, 1)
    tongue = canvas.picture.new_tensor([0.72, 0.3, 0.32]).view(1, 3, 1, 1)
    cavity = torch.lerp(
        dark,
        tongue,
        ((depth - 0.62) / 0.3).clamp(0, 1).unsqueeze(1) * (opening > 0.03).unsqueeze(1),
    )
    canvas.paint(coverage(inner, side), cavity, INNER_MOUTH)
    teeth = torch.maximum(inner, my - top - 0.40 * opening)
    canvas.paint(
        0.94 * coverage(teeth + 0.003, side),
        canvas.picture.new_tensor([0.95, 0.93, 0.9]).view(1, 3, 1, 1),
    )
    chin_shadow = torch.exp(-(((my - lower_edge - 0.014) / 0.010) ** 2 + (t / 0.7) ** 2))
    canvas.picture = canvas.picture * (1 - 0.14 * chin_shadow).unsqueeze(1)


def _blurred_patch(picture, bad, u, x, y) -> torch.Tensor:
    """The fault of low-quality pictures: a smeared patch over the top of the head."""

    def field(value):
        return value[:, None, None]

    side = picture.shape[-1]
    coarse = F.adaptive_avg_pool2d(picture, (8, 8))
    smear = F.interpolate(coarse, (side, side), mode="bilinear", align_corners=False)
    streak = 0.10 * torch.sin(
        20 * (x + y) + 2 * torch.sin(9 * (x - y)) + 2 * field(u["hair_phase"])
    )
    tint = picture.new_tensor([0.62, 0.52, 0.66]).view(1, 3, 1, 1)
    smear = torch.lerp(smear, tint, 0.5) + streak.unsqueeze(1)
    patch = ellipse(x - 0.5 - 0.03 * field(u["background_phase"]), y - 0.10, 0.26, 0.145)
    alpha = field(bad) * torch.sigmoid(-patch * 45)
    return over(picture, alpha, smear)
