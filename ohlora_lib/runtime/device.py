"""Where networks run."""

import torch


def default_device() -> str:
    """Return `cuda` where a GPU is visible to the job, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"
