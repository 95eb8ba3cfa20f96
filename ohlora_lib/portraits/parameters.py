"""The parameters of a portrait: independent standard normal numbers, and what each means."""

import math

import torch

# Every parameter is one standard normal coordinate u; the renderer gives it its range.
PARAMETERS = (
    "gender",  # larger: more feminine; a woman above GENDER_CUT
    "quality",  # a blurred patch over the top of the picture below QUALITY_CUT
    "age",  # old above AGE_CUT
    "glass",  # glasses above GLASS_CUT
    "eyes",  # openness of the eyes
    "mouth",  # openness of the mouth
    "pose",  # in-plane tilt, clockwise in the picture, with coupled yaw
    "yaw",  # what the yaw adds to that of the tilt
    "hair_color",  # dark to bright
    "hair_red",  # ashen to reddish
    "hair_length",  # ears to below the picture
    "hair_curl",  # straight to curly
    "hair_volume",
    "hair_part",  # where the parting sits, left to right
    "hair_fringe",  # high to low hairline
    "hair_phase",  # shifts the strands
    "background_mean",  # dark to bright
    "background_std",  # flat to textured
    "background_hue",
    "background_saturation",
    "background_angle",  # direction of the gradient and of the texture
    "background_phase",  # shifts the texture
    "background_scale",  # fine to coarse texture
    "skin_tone",  # light to dark
    "skin_warmth",
    "face_width",
    "face_length",
    "jaw",  # pointed to square
    "eye_width",
    "eye_spacing",
    "eye_slant",
    "iris_color",  # brown, green, blue
    "gaze",
    "brow_thickness",
    "brow_height",
    "brow_slant",
    "nose_width",
    "nose_length",
    "mouth_width",
    "lip_fullness",
    "lip_color",
    "smile",
    "beard",  # matters for men only
    "blush",
    "light",  # from the left to from the right
    "clothes_hue",
    "clothes_brightness",
    "clothes_saturation",
    "clothes_pattern",
    "neckline",
    "shoulders",
)

GENDER_CUT = -0.141  # 55.6 % are women
QUALITY_CUT = -1.645  # 5 % have the blurred patch
AGE_CUT = 1.555  # 6 % are old
GLASS_CUT = 1.645  # 5 % wear glasses


def sample_parameters(count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw `count` independent portraits; float32 [count, len(PARAMETERS)], each entry N(0, 1)."""
    return torch.randn(count, len(PARAMETERS), generator=generator)


def true_attributes(parameters: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what is true of each portrait.

    Args:
        parameters: float [N, len(PARAMETERS)].

    Returns:
        Boolean-valued int64 [N] under `gender` (1 woman), `quality` (1 good), `age` (1 old),
        `glass` (1 glasses).
    """
    column = {name: parameters[:, index] for index, name in enumerate(PARAMETERS)}
    return {
        "gender": (column["gender"] > GENDER_CUT).long(),
        "quality": (column["quality"] > QUALITY_CUT).long(),
        "age": (column["age"] > AGE_CUT).long(),
        "glass": (column["glass"] > GLASS_CUT).long(),
    }


def drawn_parameters(parameters: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the parameters by name, [N] each, their far tails pulled in to below 2.6.

    So no feature leaves the picture.

    Args:
        parameters: float [N, len(PARAMETERS)].
    """
    soft = 2.6 * torch.tanh(parameters / 2.6)
    return {name: soft[:, index] for index, name in enumerate(PARAMETERS)}


def hair_fall(u: dict[str, torch.Tensor], feminine: torch.Tensor) -> torch.Tensor:
    """Return how far the hair falls, [N], about N(0, 1.3): longer for women."""
    return u["hair_length"] + 0.9 * (2 * feminine - 1)


def strengths(parameters: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return how strongly each portrait shows what is either there or not.

    Args:
        parameters: float [N, len(PARAMETERS)].

    Returns:
        Float [N] in 0..1 each: `feminine`, `bad` (the blurred patch), `old`, `glass`; steep but
        continuous, one half at the cut of `true_attributes`: few portraits are neither one nor the
        other.
    """
    column = {name: parameters[:, index] for index, name in enumerate(PARAMETERS)}
    return {
        "feminine": torch.sigmoid(30 * (column["gender"] - GENDER_CUT)),
        "bad": torch.sigmoid(14 * (QUALITY_CUT - column["quality"])),
        "old": torch.sigmoid(9 * (column["age"] - AGE_CUT)),
        "glass": torch.sigmoid(14 * (column["glass"] - GLASS_CUT)),
    }


def parameters_from_latent(z: torch.Tensor) -> torch.Tensor:
    """Map latents to parameters by a fixed rotation and a warp that both keep N(0, I) as it is.

    The latent is first brought to length sqrt(dim), as the mapping network's pixel norm does. Then
    comes a rotation; pairs of coordinates are turned by an angle that depends on other coordinates
    (a measure-preserving swirl), so that no single latent coordinate, nor a fixed direction, is
    exactly one of the renderer's parameters; then a second rotation.

    Args:
        z: float [N, dim], dim >= len(PARAMETERS) and divisible by 4.

    Returns:
        float [N, len(PARAMETERS)], nearly N(0, I) for z ~ N(0, I).
    """
    dim = z.shape[1]
    if dim < len(PARAMETERS) or dim % 4:
        raise ValueError(f"a latent needs at least {len(PARAMETERS)} coordinates, a multiple of 4")
    z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True))
    first, second = (_rotation(dim, seed).to(z) for seed in (1, 2))
    u = z @ first
    pairs, steering = u[:, : dim // 2], u[:, dim // 2 :]
    a, b = pairs.chunk(2, dim=1)
    angle = 0.5 * torch.sin(steering[:, : dim // 4]) + 0.5 * steering[:, dim // 4 :].tanh()
    sine, cosine = angle.sin(), angle.cos()
    u = torch.cat([cosine * a - sine * b, sine * a + cosine * b, steering], dim=1)
    return (u @ second)[:, : len(PARAMETERS)]


def uniform(u: torch.Tensor) -> torch.Tensor:
    """Standard normal to uniform on (0, 1): the Gaussian copula's marginal."""
    return 0.5 * (1 + torch.erf(u / math.sqrt(2)))


def _rotation(dim: int, seed: int) -> torch.Tensor:
    matrix = torch.randn(
        dim, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return torch.linalg.qr(matrix).Q.float()
