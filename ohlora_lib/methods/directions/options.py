"""How directions are trained; torch-free, since the configuration has the same options."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingOptions:
    """How directions are trained."""

    steps: int = 200
    batch: int = 16  # faces a step
    lr: float = 0.02  # Adam; in units of the mean size of the starting steps' entries
    reach: float = 2.2  # score units; requests are uniform within +- this
    others: float = 0.5  # weight of what should not change, in score units (log odds by their SD)
    content: float = 0.02  # weight of the squared Mahalanobis norm per unit
