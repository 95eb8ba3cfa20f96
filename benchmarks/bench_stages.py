"""Images per second of rendering, synthesis and segmentation, each beside a plain reference.

    python -m benchmarks.bench_stages --images 512 --threads 2

Prints one line per stage: images/s, the reference's images/s in the same run, and their ratio.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=512, help="images per timing (default 512)")
    parser.add_argument("--threads", type=int, default=1, help="cores to use (default 1)")
    parser.add_argument("--weights", type=Path, default=Path("resources/embedded"), help="folder")
    parser.add_argument("--out", type=Path, help="CSV to append to")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    rows = _measure(options.images, options.weights)
    for row in rows:
        print(
            f"{row['stage']:<13} {row['images_per_sec']:8.1f} img/s   "
            f"{row['reference']}: {row['reference_images_per_sec']:.1f}   ratio {row['ratio']:.2f}"
        )
    if options.out:
        new = not options.out.is_file()
        with options.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["threads", *rows[0]])
            if new:
                writer.writeheader()
            writer.writerows({"threads": options.threads, **row} for row in rows)


def _measure(images: int, weights: Path) -> list[dict]:
    import numpy as np
    import torch

    from ohlora_lib.networks import load_network
    from ohlora_lib.networks.inference import Synthesizer
    from ohlora_lib.networks.segmentation import ParserSegmenter
    from ohlora_lib.portraits.parameters import sample_parameters
    from ohlora_lib.portraits.renderer import render

    generator = load_network(weights / "generator.safetensors")
    parser = load_network(weights / "parser.safetensors")
    z = np.random.default_rng(0).standard_normal((images, generator.z_dim)).astype(np.float32)
    synthesizer = Synthesizer(generator)
    faces = synthesizer.from_z(z)
    parameters = sample_parameters(images, torch.Generator().manual_seed(0))
    side = generator.resolution
    few = max(1, images // 8)  # the references are slow

    def plain() -> None:
        with torch.inference_mode():
            for row in torch.from_numpy(z[:few]):
                generator(row[None])

    def one_by_one(segmenter: ParserSegmenter) -> None:
        for face in faces[:few]:
            segmenter.segment(face[None])

    def singly() -> None:
        for row in parameters[:few]:
            render(row[None], side)

    def batches() -> None:
        for start in range(0, images, 64):
            render(parameters[start : start + 64], side)

    single = ParserSegmenter(parser, batch_size=1)
    stages = (
        ("rendering", batches, "one by one", singly),
        ("synthesis", lambda: synthesizer.from_z(z), "plain forward, one by one", plain),
        (
            "segmentation",
            lambda: ParserSegmenter(parser).segment(faces),
            "one by one",
            lambda: one_by_one(single),
        ),
    )
    rows = []
    for stage, fast, name, reference in stages:
        speed = images / _seconds(fast)
        slow = few / _seconds(reference)
        rows.append(
            {
                "stage": stage,
                "images_per_sec": round(speed, 1),
                "reference": name,
                "reference_images_per_sec": round(slow, 1),
                "ratio": round(speed / slow, 2),
            }
        )
    return rows


def _seconds(work: Callable[[], None]) -> float:
    work()  # warm-up
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
