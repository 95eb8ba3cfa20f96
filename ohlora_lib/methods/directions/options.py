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


@dataclass(frozen=True)
class ControlOptions:
    """How a control network is trained, and how often its pictures are measured."""

    steps: int = 2350
    batch: int = 32  # faces a step
    lr: float = 1e-3  # Adam; falls to 0 along a cosine
    width: int = 384  # units of each of the three hidden layers
    spread: float = 1.1  # score units; requests are normal with this standard deviation
    reach: float = 2.0  # score units; requests beyond it are drawn in
    others: float = 0.3  # weight of what should not change, in score units (log odds by their SD)
    pixels: float = 0.3  # weight of the mean absolute change of the picture, whose range is 2
    length: float = 0.05  # weight of the squared growth of w's Mahalanobis norm
    rounds: int = 3  # of measuring: the face as it is, then twice what is drawn, to correct it
