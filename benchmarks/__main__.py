"""Measures every stage beside a plain reference in the same run, and appends rows to a CSV.

Examples:
    python -m benchmarks
    python -m benchmarks --only synthesis --only training
    python -m benchmarks --device cuda
"""

import argparse
import importlib
import os
from pathlib import Path

# Set before torch is first imported: one thread, as jobs have by default.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from benchmarks.common import ROOT, append  # noqa: E402
from ohlora_lib.runtime.jobs import keep_memory  # noqa: E402

BENCHMARKS = {
    "rendering": "bench_networks",
    "synthesis": "bench_networks",
    "segmentation": "bench_networks",
    "classifier": "bench_networks",
    "sampling": "bench_sampling",
    "scores": "bench_scores",
    "training": "bench_training",
    "shards": "bench_shards",
    "dag": "bench_dag",
}
ON_GPU = ("synthesis", "segmentation", "classifier", "sampling", "training")


def main() -> None:
    """Parse the command line, measure, print and append."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="one benchmark; may be repeated"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(default cpu)")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "results" / "benchmarks.csv",
        help="CSV to append to (default results/benchmarks.csv)",
    )
    options = parser.parse_args()
    keep_memory()  # as jobs do
    if options.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            parser.error("--device cuda: this machine has no GPU that torch can use")
    for name in options.only or (ON_GPU if options.device == "cuda" else BENCHMARKS):
        module = importlib.import_module(f"benchmarks.{BENCHMARKS[name]}")
        for row in getattr(module, name)(options.device):
            print(row.line(), flush=True)
            append(options.out, row)


if __name__ == "__main__":
    main()
