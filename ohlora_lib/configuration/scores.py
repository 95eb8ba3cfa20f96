"""Section `scores`: parameters of the score algorithms; every default is the published constant.

Defaults are those of the functions in `ohlora_lib.scores`.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from ohlora_lib.configuration.fields import Level, Pixel, Section, Window, about, section
from ohlora_lib.scores import (
    background_mean,
    background_std,
    eyes,
    hair_color,
    hair_length,
    hairstyle,
    pose,
)

Trimmed = Annotated[float, Field(ge=0, lt=0.5)]
ROWS = "rows searched"
LEFT = "columns searched for the eye at the left"
RIGHT = "columns searched for the eye at the right"
TRIMMED = "share of the pixels dropped at each end of the sorted brightness"


def default(function: Callable, name: str) -> Any:
    """Return the default of a function's keyword."""
    value = inspect.signature(function).parameters[name].default
    return list(value) if isinstance(value, tuple) else value


class NoParameters(Section):
    """Nothing to set."""


class EyesV1(Section):
    """See `scores.eyes.v1`."""

    rows: Window = about(ROWS, default(eyes.v1, "rows"))
    left_columns: Window = about(LEFT, default(eyes.v1, "left_columns"))
    right_columns: Window = about(RIGHT, default(eyes.v1, "right_columns"))


class EyesV2(Section):
    """See `scores.eyes.v2`."""

    rows: Window = about(ROWS, default(eyes.v2, "rows"))
    left_columns: Window = about(LEFT, default(eyes.v2, "left_columns"))
    right_columns: Window = about(RIGHT, default(eyes.v2, "right_columns"))


class HairColor(Section):
    """See `scores.hair_color.v2`."""

    trimmed: Trimmed = about(TRIMMED, default(hair_color.v2, "trimmed"))
    empty: Level = about("score without hair, grey levels", default(hair_color.v2, "empty"))


class HairLength(Section):
    """See `scores.hair_length.v2`."""

    first_row: Pixel = about(
        "first row of the class map that counts", default(hair_length.v2, "first_row")
    )
    row_pixels: Pixel = about(
        "hair pixels that make a row count", default(hair_length.v2, "row_pixels")
    )
    edge_pixels: Pixel = about(
        "hair pixels per half of the last row that do not count",
        default(hair_length.v2, "edge_pixels"),
    )


class Pose(Section):
    """See `scores.pose.v2`."""

    rows: Window = about(ROWS, default(pose.v2, "rows"))
    left_columns: Window = about(LEFT, default(pose.v2, "left_columns"))
    right_columns: Window = about(RIGHT, default(pose.v2, "right_columns"))


class BackgroundMean(Section):
    """See `scores.background_mean`, whose algorithms have the same parameters."""

    rows: Window = about(ROWS, default(background_mean.v2, "rows"))
    trimmed: Trimmed = about(TRIMMED, default(background_mean.v2, "trimmed"))
    empty: Level = about(
        "score without background, grey levels", default(background_mean.v2, "empty")
    )


class BackgroundStd(Section):
    """See `scores.background_std`, whose algorithms have the same parameters."""

    rows: Window = about(ROWS, default(background_std.v2, "rows"))
    trimmed: Trimmed = about(TRIMMED, default(background_std.v2, "trimmed"))


class Hairstyle(Section):
    """See `scores.hairstyle.v2`."""

    damping: Level = about("grey levels added to the denominator", default(hairstyle.v2, "damping"))
    empty: Level = about("score without hair anchors", default(hairstyle.v2, "empty"))


class AlgorithmV1(Section):
    """Algorithm v1."""

    eyes: EyesV1 = section(EyesV1)
    hair_color: NoParameters = section(NoParameters)
    hair_length: NoParameters = section(NoParameters)
    mouth: NoParameters = section(NoParameters)
    pose: NoParameters = section(NoParameters)
    background_mean: BackgroundMean = section(BackgroundMean)
    background_std: BackgroundStd = section(BackgroundStd)


class AlgorithmV2(Section):
    """Algorithm v2."""

    eyes: EyesV2 = section(EyesV2)
    hair_color: HairColor = section(HairColor)
    hair_length: HairLength = section(HairLength)
    mouth: NoParameters = section(NoParameters)
    pose: Pose = section(Pose)
    background_mean: BackgroundMean = section(BackgroundMean)
    background_std: BackgroundStd = section(BackgroundStd)
    hairstyle: Hairstyle = section(Hairstyle)


class AlgorithmV3(AlgorithmV2):
    """Algorithm v3, which measures eyes, mouth and pose on landmarks."""

    eyes: NoParameters = section(NoParameters)
    pose: NoParameters = section(NoParameters)


class Scores(Section):
    """Parameters of the property scores."""

    v1: AlgorithmV1 = section(AlgorithmV1, "algorithm v1")
    v2: AlgorithmV2 = section(AlgorithmV2, "algorithm v2")
    v3: AlgorithmV3 = section(AlgorithmV3, "algorithm v3")
