"""What all benchmarks share: timing, the row that one leaves, the weights they use."""

import csv
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "resources" / "embedded"


@dataclass(frozen=True)
class Row:
    """One measurement beside its reference in the same run.

    Attributes:
        name: of the benchmark.
        n: images, pictures, steps or shards that were done in `seconds`.
        seconds: best of some repetitions.
        reference: what it is compared with.
        reference_seconds: the time of the reference for the same n (scaled where it did fewer).
        batch: images at once, where that is a choice.
        of_peak: floating-point operations per second as a share of those of a large matrix product
            in the same run; None where not counted.
        device: "cpu", or the name of the GPU.
    """

    name: str
    n: int
    seconds: float
    reference: str
    reference_seconds: float
    batch: int | None = None
    of_peak: float | None = None
    device: str = "cpu"

    @property
    def rate(self) -> float:
        """What is done per second."""
        return self.n / self.seconds

    @property
    def ratio(self) -> float:
        """How many times as long the reference takes; below 1, the reference is faster."""
        return self.reference_seconds / self.seconds

    def line(self) -> str:
        """Return the row as it is printed."""
        batch = f" batch {self.batch}" if self.batch else ""
        peak = f"   {self.of_peak:.1%} of peak" if self.of_peak is not None else ""
        return (
            f"{self.name + batch:<24}n {self.n:<6}{self.seconds:9.3f} s{self.rate:11.1f} /s"
            f"   {self.reference}: {self.reference_seconds:.3f} s, ratio {self.ratio:.2f}{peak}"
        )


def best_of(
    work: Callable[[], object], repeats: int = 3, settle: Callable[[], object] = lambda: None
) -> float:
    """Return the shortest time of `work`, in seconds, after one call that is not counted.

    Args:
        work: what is timed.
        repeats: timed calls; 1 skips the first, uncounted call.
        settle: called before a time is taken, for instance to wait for a GPU.
    """
    if repeats > 1:
        work()
    times = []
    for _ in range(repeats):
        settle()
        start = time.perf_counter()
        work()
        settle()
        times.append(time.perf_counter() - start)
    return min(times)


def append(path: Path, row: Row) -> None:
    """Append a row to a CSV, with a header if the file is new."""
    record = {**asdict(row), "rate": row.rate, "ratio": row.ratio}
    record = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in record.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        names = [*(field.name for field in fields(Row)), "rate", "ratio"]
        writer = csv.DictWriter(file, names)
        if new:
            writer.writeheader()
        writer.writerow(record)
