"""What a portrait looks like, as numbers that its picture follows nearly linearly.

A style vector w is affine in this code (`pretraining.paired`), and the styles of a synthesis
network are affine in w. What is linear here, the network need not work out: the three channels of a
colour instead of its hue, the height of an opening, the contrast of a texture.
"""

import torch

from ohlora_lib.portraits.colors import COLORED, portrait_colors
from ohlora_lib.portraits.parameters import (
    AGE_CUT,
    GENDER_CUT,
    GLASS_CUT,
    PARAMETERS,
    QUALITY_CUT,
    drawn_parameters,
    hair_fall,
    strengths,
    uniform,
)

# Parameters that another entry of the code shows better.
_SHOWN_OTHERWISE = {
    "gender", "quality", "age", "glass", "eyes", "mouth", "beard", "hair_red", "hair_curl",
    "background_mean", "background_std", "background_hue", "background_saturation",
    "skin_tone", "skin_warmth", "iris_color", "lip_color",
    "clothes_hue", "clothes_brightness", "clothes_saturation",
}  # fmt: skip
_AS_THEY_ARE = tuple(name for name in PARAMETERS if name not in _SHOWN_OTHERWISE)
# Mean colour of each part, and a factor that brings its spread to about 1.
_TINT = {
    "background": ((0.50, 0.50, 0.50), 4.0),
    "clothes": ((0.50, 0.50, 0.50), 4.5),
    "skin": ((0.87, 0.69, 0.57), 7.0),
    "hair": ((0.52, 0.40, 0.27), 4.0),
    "iris": ((0.30, 0.37, 0.31), 6.0),
    "lips": ((0.69, 0.28, 0.26), 10.0),
}
TINTS = tuple(f"{part}_{channel}" for part in COLORED for channel in ("red", "green", "blue"))
TEXTURES = ("background_contrast", "clothes_contrast", "curl")
RAMPS = ("feminine", "bad", "old", "glass")
CODE = (
    *_AS_THEY_ARE, *TINTS, *TEXTURES, "eye_opening", "mouth_opening", "hair_end", "stubble", *RAMPS
)  # fmt: skip


def portrait_code(parameters: torch.Tensor) -> torch.Tensor:
    """Return the code of each portrait.

    The ramps stand for the strengths of what is there or not. They rise with the parameters much
    more gently than the strengths do, from -1 to 2, one half at the cut: a mapping network draws
    no steep edges, a synthesis network does.

    Args:
        parameters: float [N, len(PARAMETERS)].

    Returns:
        float [N, len(CODE)], in the order of CODE; spreads of about 1.
    """
    u = drawn_parameters(parameters)
    v = {name: uniform(value) for name, value in u.items()}
    shown = strengths(parameters)
    feminine = shown["feminine"]
    colors = portrait_colors(u, v, shown)
    measures = [
        3.4 * (v["background_std"] ** 2 - 0.33),
        5.0 * ((v["clothes_pattern"] - 0.45).clamp(min=0) - 0.15),
        3.5 * (v["hair_curl"] ** 1.3 - 0.43),
        3.5 * (v["eyes"] - 0.5),
        3.5 * (v["mouth"] ** 1.2 - 0.45),
        4.0 * (torch.sigmoid(1.05 * (hair_fall(u, feminine) - 0.25)) - 0.45),
        3.0 * ((1 - feminine) * torch.sigmoid(3 * (u["beard"] - 0.6)) - 0.15),
    ]
    raw = {name: parameters[:, index] for index, name in enumerate(PARAMETERS)}
    ramps = [
        0.5 + 1.5 * (raw["gender"] - GENDER_CUT),
        0.5 + 2.0 * (QUALITY_CUT - raw["quality"]),
        0.5 + 2.0 * (raw["age"] - AGE_CUT),
        0.5 + 2.0 * (raw["glass"] - GLASS_CUT),
    ]
    columns = [
        *(u[name] for name in _AS_THEY_ARE),
        *(tint for part in COLORED for tint in _tints(colors[part], *_TINT[part])),
        *measures,
        *(ramp.clamp(-1, 2) for ramp in ramps),
    ]
    return torch.stack(columns, dim=1)


def _tints(
    color: torch.Tensor, middle: tuple[float, float, float], scale: float
) -> tuple[torch.Tensor, ...]:
    """[N, 3, 1, 1] -> three columns [N]."""
    return tuple(scale * (color.flatten(1) - color.new_tensor(middle)).T)
