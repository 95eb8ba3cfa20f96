"""From samples to directions, one of several ways: what the rule fit_directions calls.

Every way is rescaled so that a step of one moves the property by one unit, as the property CNN sees
it, see `calibration`.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.calibration import measured_slopes, rescaled
from ohlora_lib.methods.directions.given import Given, Way
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.stored import load_directions, save_directions
from ohlora_lib.methods.network_digests import check_origin, origin
from ohlora_lib.networks.files import load_generator
from ohlora_lib.networks.property_cnn import OUTPUTS
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.tables import read_json, write_json


def fit_directions(
    way: str,
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
        way: a module of `directions.ways`.
        samples: see `methods.sampling.draw_samples`.
        generator: checkpoint that the samples were drawn with.
        property_cnn: checkpoint that read them.
        classifiers: checkpoints of the attribute CNNs that read them.
        statistics: JSON of mean and standard deviation of the raw scores that define a unit.
        path: checkpoint to write, see `methods.directions.stored`. Its provenance: `method`,
            `seed`, `samples` (how many the fit saw), `units` (mean and standard deviation of the
            raw scores that define one; hairstyle is in units of the population that its network
            learnt from), `training` (options, of ways that are trained), and digests of the
            weights of `generator`, `property_cnn` and each of `classifiers`.
        metrics_path: JSON to write.
        state: folder of the resumable state, of ways that are trained.
        seed: the run's seed.
        start: checkpoint of the way that this one begins with, if it begins with one.
        rows: use only so many samples; all when None.
        options: that differ from the defaults, see `methods.directions.options`; `rounds` takes the
            place of the way's own.
        batch_size: pictures per forward pass.
        device: torch device name.
        code: digest of the code that fits; a training does not go on from other code's state.

    Raises:
        InputError: a file is missing, damaged or does not belong to the others.
    """
    fitted_by: Way = importlib.import_module(f"ohlora_lib.methods.directions.ways.{way}")
    network = load_generator(generator)
    reader = Reader(property_cnn, classifiers, device)
    units = read_json(statistics)
    provenance: dict[str, Any] = {
        "method": way,
        "seed": seed,
        "units": {name: units[name] for name in OUTPUTS},
        **origin({"generator": network, "property_cnn": reader.network}),
        "classifiers": origin({each.attribute: each for each in reader.classifiers}),
    }
    given = Given(
        network=network,
        synthesizer=Synthesizer(network, batch_size, device),
        reader=reader,
        samples=samples,
        rows=rows,
        seed=seed,
        state=state,
        options=options or {},
        device=device,
        code=code,
    )
    if start is not None:
        given.start = load_directions(start)
        check_origin(start, "generator", network, generator)
        check_origin(start, "property_cnn", reader.network, property_cnn)
        provenance = {**read_checkpoint(start).provenance, **provenance}
    directions, facts, more = fitted_by.fit(given)
    slopes = measured_slopes(given.synthesizer, directions, given.probes, reader)
    if fitted_by.RESCALED:
        directions = rescaled(directions, slopes)
    directions = directions.rounds(given.options.get("rounds", fitted_by.ROUNDS))
    metrics = {
        "method": way,
        "names": list(reader.names),
        **facts,
        "slopes_before": dict(zip(CONTROLLED, slopes.tolist(), strict=True)),
        "mahalanobis": dict(zip(CONTROLLED, directions.lengths().tolist(), strict=True)),
    }
    save_directions(path, directions, {**provenance, **more})
    write_json(metrics_path, metrics)
