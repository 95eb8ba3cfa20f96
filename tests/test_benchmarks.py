"""Every benchmark starts and measures; how long things take is not tested."""

import importlib
import itertools

import pytest

from benchmarks import __main__ as command
from benchmarks.common import append, best_of

CALLS = itertools.count(1)


def once(work, repeats=1, settle=lambda: None):
    """Do the work a single time; what is timed later takes longer, however busy the machine is.

    (Steps of a training are timed as the difference of a long one, the second, and a short one.)
    """
    return best_of(work, 1, settle) + 1e4 * next(CALLS)


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_a_benchmark_measures(name, monkeypatch, tmp_path):
    module = importlib.import_module(f"benchmarks.{command.BENCHMARKS[name]}")
    monkeypatch.setattr(module, "best_of", once)
    rows = getattr(module, name)("cpu")
    found = list(rows) if name == "training" else [next(rows)]  # every network has a step
    for row in found:
        assert row.seconds > 0 and row.reference_seconds > 0 and row.n >= 1
        assert row.name in row.line()
        append(tmp_path / "rows.csv", row)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + len(found)
    if name == "training":
        steps = {"step_property_cnn", "step_hairstyle_cnn", "step_attribute_cnn"}
        assert steps < {row.name for row in found}
