"""Which files a comparison of two runs reads and writes."""

from pathlib import Path

READ = (
    "config.yaml",
    "run.json",
    "leaderboard.csv",
    "costs.csv",
    "finetune/*/train_log.csv",
    "*_cnn/train_log.csv",
)


def comparison_file(results: str, runs: str | None, folder: str, suffix: str) -> str:
    """Return a file of a comparison, beside the folders of the runs.

    Args:
        results: the folder that the runs are in.
        runs: the two experiments, "a,b"; None where none are named.
        folder: below `results`.
        suffix: of the file.
    """
    return f"{results}/{folder}/{(runs or 'no-runs').replace(',', '-vs-')}{suffix}"


def compared_files(results: str, runs: str | None) -> list[str]:
    """Return what a comparison reads, as far as it is there, sorted."""
    folders = [Path(results, run) for run in (runs or "").split(",") if run]
    return sorted(str(file) for folder in folders for name in READ for file in folder.glob(name))
