"""Signed-distance shapes, soft coverage, palettes: the renderer's drawing tools.

Lengths are fractions of the image side; x goes right, y down. Fields are [N, H, W]; a shape's
parameters are [N, 1, 1]. Distances are negative inside.
"""

import torch


def coverage(distance: torch.Tensor, side: int, blur: float | torch.Tensor = 0.0) -> torch.Tensor:
    """Share of each pixel that lies inside, 0..1, with an edge one pixel (plus `blur`) wide."""
    return (0.5 - distance / (1.0 / side + blur)).clamp(0, 1)


def ellipse(x, y, rx, ry) -> torch.Tensor:
    """Approximate distance to an axis-parallel ellipse around 0 with radii rx, ry."""
    k0 = torch.sqrt((x / rx) ** 2 + (y / ry) ** 2 + 1e-9)
    k1 = torch.sqrt((x / rx**2) ** 2 + (y / ry**2) ** 2 + 1e-9)
    return k0 * (k0 - 1) / k1


def lens(x, y, half_width, up, down) -> torch.Tensor:
    """Distance to the region between two arcs through (-half_width, 0) and (half_width, 0).

    `up` and `down` are how far the arcs rise above and fall below the chord.
    """
    arc = 1 - (x / half_width) ** 2
    vertical = torch.maximum(-y - up * arc, y - down * arc)
    return torch.maximum(vertical, x.abs() - half_width)


def smooth_union(a: torch.Tensor, b: torch.Tensor, radius: float) -> torch.Tensor:
    """Union of two distances, rounded over `radius`."""
    h = (0.5 + 0.5 * (b - a) / radius).clamp(0, 1)
    return b + (a - b) * h - radius * h * (1 - h)


def over(picture: torch.Tensor, alpha: torch.Tensor, color: torch.Tensor) -> torch.Tensor:
    """Paint `color` [N, 3, 1|H, 1|W] over `picture` [N, 3, H, W] with `alpha` [N, H, W]."""
    return torch.lerp(picture, color.expand_as(picture), alpha.unsqueeze(1))


def palette(position: torch.Tensor, colors: list[tuple[float, float, float]]) -> torch.Tensor:
    """Look up a colour on a ramp of equally spaced colours.

    Args:
        position: [N] in 0..1.
        colors: at least two RGB triples in 0..1.

    Returns:
        [N, 3, 1, 1]
    """
    ramp = torch.tensor(colors, dtype=position.dtype, device=position.device)
    scaled = position.clamp(0, 1) * (len(colors) - 1)
    index = scaled.floor().clamp(max=len(colors) - 2).long()
    color = torch.lerp(ramp[index], ramp[index + 1], (scaled - index).unsqueeze(1))
    return color[:, :, None, None]


def hue_color(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A smooth colour wheel: [N] each (hue in turns) -> [N, 3, 1, 1] in 0..1."""
    offsets = torch.tensor([0.0, 1 / 3, 2 / 3], dtype=hue.dtype, device=hue.device)
    wave = torch.cos(2 * torch.pi * (hue.unsqueeze(1) - offsets))
    color = value.unsqueeze(1) * (1 + 0.5 * saturation.unsqueeze(1) * wave)
    return color.clamp(0, 1)[:, :, None, None]
