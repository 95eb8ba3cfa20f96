"""Measure the v2 property scores against plain Python loops, both in the same run.

Examples:
    python -m benchmarks.bench_scores
    python -m benchmarks.bench_scores --images 26 --out results/benchmarks/scores.csv
"""

import argparse
import csv
import importlib
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.score_reference import SCORES
from ohlora_lib.scores import ALGORITHMS

CASES = Path(__file__).parents[1] / "tests" / "fixtures" / "scores" / "cases.npz"
FACES = 26  # the first cases are varied faces, the rest edge cases


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of one call in `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(images: int, batch: int) -> dict[str, tuple[float, float]]:
    """Return {property: (reference, ours)} in milliseconds per image.

    Args:
        images: faces that the reference scores.
        batch: pictures per call of ours; the same faces, repeated as often as needed.
    """
    with np.load(CASES) as cases:
        maps, pictures = cases["parsing"][:images], cases["images"][:images]
    lists = list(zip(maps.tolist(), pictures.tolist(), strict=True))
    chosen = np.arange(batch) % images
    maps, pictures = maps[chosen], pictures[chosen]

    result = {}
    for name in ALGORITHMS["v2"]:
        reference, ours = SCORES[name], importlib.import_module(f"ohlora_lib.scores.{name}").v2
        slow = seconds(lambda: [reference(*one) for one in lists], repeats=1) / images  # noqa: B023
        fast = seconds(lambda: ours(maps, pictures), repeats=5) / batch  # noqa: B023
        result[name] = (1000 * slow, 1000 * fast)
    return result


def append_row(path: Path, row: dict[str, object]) -> None:
    """Append a row to a CSV, with a header if the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    """Parse the command line, measure, print a table and append a row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=6, help=f"faces for the reference, 1-{FACES} (default 6)"
    )
    parser.add_argument("--batch", type=int, default=64, help="pictures per call (default 64)")
    parser.add_argument("--out", type=Path, help="CSV that gets one more row (default: none)")
    options = parser.parse_args()
    if not 1 <= options.images <= FACES or options.batch < 1:
        parser.error(f"--images must be 1 to {FACES} and --batch at least 1")

    times = measure(options.images, options.batch)
    times["all"] = tuple(sum(column) for column in zip(*times.values(), strict=True))
    print(f"{'v2 score':16}{'reference ms':>14}{'ours ms':>10}{'ratio':>8}   per image")
    for name, (slow, fast) in times.items():
        print(f"{name:16}{slow:14.2f}{fast:10.4f}{slow / fast:8.0f}")

    if options.out:
        slow, fast = times["all"]
        row = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()} {os.cpu_count()} cores",
            "python": platform.python_version(),
            "numpy": np.__version__,
            "images": options.images,
            "batch": options.batch,
            "reference_ms_per_image": round(slow, 3),
            "ours_ms_per_image": round(fast, 4),
            "ratio": round(slow / fast, 1),
        }
        row |= {f"{name}_ms": round(times[name][1], 4) for name in ALGORITHMS["v2"]}
        append_row(options.out, row)


if __name__ == "__main__":
    main()
