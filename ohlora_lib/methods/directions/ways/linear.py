"""Closed form: the same step in all layers; trusts the linear readout of w."""

from typing import Any

import numpy as np

from ohlora_lib.methods.directions.closed_form import LinearFit, fit_linear
from ohlora_lib.methods.directions.given import Given
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.methods.moments import Moments, moments

ROUNDS = 0  # of measuring a picture before it is drawn
RESCALED = True


def fit(given: Given) -> tuple[Directions, dict[str, Any], dict[str, Any]]:
    """Fit the directions; see `given.Way.fit`."""
    found = moments(given.samples, given.reader.names, given.rows)
    fitted = fit_linear(found, given.reader.own)
    explained = dict(zip(given.reader.names, fitted.explained.tolist(), strict=True))
    directions = linear_directions(found, fitted, given.reader, given.network.num_layers)
    return directions, {"samples": found.count, "explained": explained}, {"samples": found.count}


def linear_directions(found: Moments, fit: LinearFit, reader: Reader, layers: int) -> Directions:
    """Return directions that step all `layers` alike, not yet rescaled, from a linear fit."""
    return Directions(
        steps=np.repeat(fit.steps[None], layers, axis=0).astype(np.float32),
        masks=np.ones((layers, len(reader.own)), np.float32),
        names=reader.names,
        readout=fit.readout.astype(np.float32),
        offset=fit.offset.astype(np.float32),
        mean=found.mean_w.astype(np.float32),
        covariance=found.covariance.astype(np.float32),
    )
