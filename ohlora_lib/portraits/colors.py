"""The colours of a portrait's parts, before light and texture."""

import torch

from ohlora_lib.portraits.shapes import hue_color, palette

_SKIN = [
    (0.98, 0.86, 0.77),
    (0.95, 0.77, 0.65),
    (0.84, 0.63, 0.49),
    (0.64, 0.44, 0.32),
    (0.42, 0.28, 0.2),
]
HAIR = [
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
COLORED = ("background", "clothes", "skin", "hair", "iris", "lips")


def portrait_colors(
    u: dict[str, torch.Tensor], v: dict[str, torch.Tensor], shown: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the colour of each part in COLORED.

    Args:
        u: the parameters by name, [N] each, tails pulled in.
        v: the same as uniform numbers in 0..1.
        shown: how strongly what is rare shows, see `parameters.strengths`.

    Returns:
        [N, 3, 1, 1] each, RGB, about 0..1.
    """
    skin = _skin(u, v)
    return {
        "background": hue_color(
            v["background_hue"],
            0.45 * v["background_saturation"],
            0.10 + 0.80 * v["background_mean"],
        ),
        "clothes": hue_color(
            v["clothes_hue"],
            0.75 * v["clothes_saturation"],
            0.15 + 0.7 * v["clothes_brightness"],
        ),
        "skin": skin,
        "hair": _hair(u, v, shown["old"]),
        "iris": palette(v["iris_color"], _IRIS),
        "lips": _lips(v, shown["feminine"], skin),
    }


def hair_position(v: dict[str, torch.Tensor], old: torch.Tensor) -> torch.Tensor:
    """Return where the hair's colour lies on the ramp from dark to bright, 0..1, [N]."""
    return v["hair_color"] * (1 - old) + old * (0.72 + 0.28 * v["hair_color"])


def _skin(u: dict[str, torch.Tensor], v: dict[str, torch.Tensor]) -> torch.Tensor:
    skin = palette(0.02 + 0.86 * v["skin_tone"] ** 1.6, _SKIN)
    warmth = 0.025 * u["skin_warmth"][:, None, None, None]
    return skin * torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)


def _hair(
    u: dict[str, torch.Tensor], v: dict[str, torch.Tensor], old: torch.Tensor
) -> torch.Tensor:
    """Reddish or ashen; grey when old."""
    color = palette(hair_position(v, old), HAIR)
    red = (0.10 * u["hair_red"].clamp(min=-0.4) * (1 - old))[:, None, None, None]
    color = color * torch.cat([1 + red, 1 - 0.2 * red, 1 - 0.9 * red], dim=1)
    grey = color.mean(dim=1, keepdim=True)
    return torch.lerp(color, grey, (0.8 * old)[:, None, None, None])


def _lips(v: dict[str, torch.Tensor], feminine: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
    """Natural or made up, tinted by the skin."""
    made_up = 0.12 + 0.25 * v["lip_color"] + 0.6 * feminine * v["lip_color"]
    tint = 0.55 + 0.45 * skin / skin.amax(dim=1, keepdim=True)
    return palette(made_up, _LIPS) * tint * (0.45 + 0.6 * skin.mean(dim=1, keepdim=True))
