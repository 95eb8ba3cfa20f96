"""From samples to directions: the four ways that the rule of rules/vectorfind.smk calls.

- `linear`: closed form, the same step in all layers; trusts the linear readout (`closed_form`).
- `masked`: the same steps, weighted per layer so that little else changes (`layer_strengths`).
- `trained`: these, improved through the frozen generator and its readers (`gradient`).
- `closed_loop`: the linear ones, with pictures measured and corrected.

Every way is rescaled so that a step of one moves the property by one unit, as the property CNN sees
it: weak edits would else look better disentangled than they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.closed_form import LinearFit, Moments, fit_linear, moments
from ohlora_lib.methods.directions.gradient import TrainingOptions, train_directions
from ohlora_lib.methods.directions.layer_strengths import layer_effects, layer_strengths
from ohlora_lib.methods.directions.model import Directions, load_directions, save_directions
from ohlora_lib.methods.origin import check_origin, origin
from ohlora_lib.methods.sampling import log_odds
from ohlora_lib.networks import load_network
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.attribute_cnn import predict as predict_attribute
from ohlora_lib.networks.property_cnn import OUTPUTS, PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.samples import iter_samples, read_samples
from ohlora_lib.store.tables import read_json, write_json

MEASURED = {"linear": 0, "masked": 1, "trained": 1, "closed_loop": 4}
PROBED = 48  # faces that layers and slopes are measured on
LEARNT = 2048  # faces that directions are trained on
REACH = 1.0  # score units to either side over which slopes are measured


class Reader:
    """Reads everything that is known from pictures: scores, then log odds of attributes.

    Args:
        property_cnn: its checkpoint.
        classifiers: checkpoints of attribute CNNs.
        device: torch device name.
    """

    def __init__(
        self, property_cnn: str | Path, classifiers: Sequence[str | Path], device: str = "cpu"
    ) -> None:
        self.network = load_network(property_cnn, PropertyCNN.kind).to(device)
        self.classifiers = [
            load_network(each, AttributeCNN.kind).to(device) for each in classifiers
        ]
        self.names = (*self.network.outputs, *(each.attribute for each in self.classifiers))
        self.own = [self.names.index(name) for name in CONTROLLED]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Read uint8 pictures [N, R, R, 3]: float32 [N, names]."""
        parts = [predict(self.network, images)]
        parts += [log_odds(predict_attribute(each, images))[:, None] for each in self.classifiers]
        return np.concatenate(parts, axis=1)


def fit_directions(
    method: str,
    *,
    samples: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    classifiers: Sequence[str | Path],
    statistics: str | Path,
    path: str | Path,
    metrics_path: str | Path,
    state: str | Path,
    seed: int,
    start: str | Path | None = None,
    rows: int | None = None,
    options: dict[str, Any] | None = None,
    batch_size: int = 16,
    device: str = "cpu",
    code: str = "",
) -> None:
    """Fit directions one way and write them, with what is known of the fit.

    Args:
        method: one of `configured.DIRECTION_METHODS`.
        samples: see `methods.sampling.draw_samples`.
        generator: checkpoint that the samples were drawn with.
        property_cnn: checkpoint that read them.
        classifiers: checkpoints of the attribute CNNs that read them.
        statistics: JSON of mean and standard deviation of the raw scores that define a unit.
        path: checkpoint to write, see `methods.directions.model`. Its provenance: `method`, `seed`,
            `samples` (how many the fit saw), `units` (mean and standard deviation of the raw scores
            that define one; hairstyle is in units of the population that its network learnt from),
            `training` (options; of trained directions), and digests of
            the weights of `generator`, `property_cnn` and each of `classifiers`.
        metrics_path: JSON to write.
        state: folder of the resumable state, for `trained`.
        seed: the run's seed.
        start: checkpoint of the way that this one begins with, see `configured.DIRECTION_STARTS`.
        rows: use only so many samples; all when None.
        options: fields of `TrainingOptions` that differ.
        batch_size: pictures per forward pass.
        device: torch device name.
        code: digest of the code that fits; `trained` does not go on from other code's state.

    Raises:
        InputError: a file is missing, damaged or does not belong to the others.
    """
    network = load_network(generator, StyleGANGenerator.kind)
    synthesizer = Synthesizer(network, batch_size, device)
    reader = Reader(property_cnn, classifiers, device)
    units = read_json(statistics)
    provenance: dict[str, Any] = {
        "method": method,
        "seed": seed,
        "units": {name: units[name] for name in OUTPUTS},
        **origin({"generator": network, "property_cnn": reader.network}),
        "classifiers": origin({each.attribute: each for each in reader.classifiers}),
    }
    metrics: dict[str, Any] = {"method": method, "names": list(reader.names)}
    faces = _first_w(samples, min(LEARNT, rows or LEARNT))
    probes = faces[:PROBED]
    if method == "linear":
        found = moments(samples, reader.names, rows)
        fit = fit_linear(found, reader.own)
        metrics["samples"] = provenance["samples"] = found.count
        metrics["explained"] = dict(zip(reader.names, fit.explained.tolist(), strict=True))
        directions = linear_directions(found, fit, reader, network.num_layers)
    else:
        directions = load_directions(start)
        check_origin(start, "generator", network, generator)
        check_origin(start, "property_cnn", reader.network, property_cnn)
        provenance = {**read_checkpoint(start).provenance, **provenance}
        spread = _spread(samples, reader.names, rows)
        if method == "masked":
            effects = layer_effects(synthesizer, directions.steps[0], probes, reader)
            strengths = layer_strengths(effects, reader.own, spread)
            metrics["strengths"] = dict(zip(CONTROLLED, strengths.tolist(), strict=True))
            masks = strengths.T.astype(np.float32)
            steps = directions.steps * masks[:, :, None]
            directions = replace(directions, steps=steps, masks=masks)
        elif method == "trained":
            training = TrainingOptions(**(options or {}))
            stream = derive_seed(seed, "directions", method)
            directions = train_directions(
                network, reader.network, reader.classifiers, directions, faces, spread, training,
                stream, state, device, code,
            )  # fmt: skip
            metrics["training"] = provenance["training"] = vars(training)
    slopes = measured_slopes(synthesizer, directions.steps, probes, reader)
    metrics["slopes_before"] = dict(zip(CONTROLLED, slopes.tolist(), strict=True))
    if method != "closed_loop":
        directions = rescaled(directions, slopes)
    directions = directions.rounds(MEASURED[method])
    metrics["mahalanobis"] = dict(zip(CONTROLLED, directions.lengths().tolist(), strict=True))
    save_directions(path, directions, provenance)
    write_json(metrics_path, metrics)


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


def rescaled(directions: Directions, slopes: np.ndarray) -> Directions:
    """Return directions whose step of one moves a property by one, given its slopes [3].

    Slopes below 0.1 count as 0.1: a direction without effect is not stretched without end.
    """
    steps = directions.steps / np.maximum(slopes, 0.1)[None, :, None]
    return replace(directions, steps=steps.astype(np.float32))


def measured_slopes(
    synthesizer: Synthesizer, steps: np.ndarray, w: np.ndarray, reader: Reader
) -> np.ndarray:
    """Measure the change of each property per unit of its own step.

    Args:
        synthesizer: of the generator.
        steps: [L, 3, D].
        w: float32 [N, D], faces to try it on.
        reader: what measures.

    Returns:
        float64 [3], from -`REACH` to +`REACH`.
    """
    base = np.repeat(w[:, None], len(steps), axis=1)
    slopes = []
    for i, name in enumerate(CONTROLLED):
        ends = [
            predict(
                reader.network, synthesizer.from_w(base + sign * REACH * steps[:, i]), [name]
            ).mean(dtype=float)
            for sign in (1, -1)
        ]
        slopes.append((ends[0] - ends[1]) / (2 * REACH))
    return np.array(slopes)


def _first_w(samples: str | Path, most: int) -> np.ndarray:
    """Return w of the first samples, float32 [N, D], at most so many."""
    parts: list[np.ndarray] = []
    for part in iter_samples(samples, ["w"]):
        parts.append(part["w"])
        if sum(map(len, parts)) >= most:
            break
    return np.concatenate(parts)[:most]


def _spread(samples: str | Path, names: Sequence[str], rows: int | None) -> np.ndarray:
    """Return the standard deviation of everything that was read, float64 [k]."""
    found = read_samples(samples, names, rows)
    return np.array([max(float(found[name].std(dtype=float)), 1e-6) for name in names])
