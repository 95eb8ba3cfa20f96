"""How the small networks are trained; torch-free, as the configuration has the same options."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassifierOptions:
    """How one fold is trained; the defaults are the published values."""

    learning_rate: float = 5e-5  # AdamW
    batch: int = 16  # images per step
    patience: int = 20  # epochs without a better validation loss before stopping
    max_epochs: int = 200  # bound on a training
    max_loss: float = 0.35  # nats per image; a fold above it is trained again from new weights
    max_attempts: int = 3  # trainings of a fold
    cut: float = 0.5  # score from which the answer is 1, for accuracy, precision, recall, F1


@dataclass(frozen=True)
class PropertyOptions:
    """How the network is trained; the published values, where ours differ, in brackets."""

    learning_rate: float = 2.5e-3  # AdamW; one cosine down to 0 over all epochs [5e-5, swinging]
    batch: int = 24  # images per step [16]
    epochs: int = 12  # passes over the training images at most [128 run]
    patience: int = 4  # epochs without a better validation loss before stopping [20]
    validation_share: float = 0.1  # of the images, never trained on
    tilt: float = 0.0  # degrees; pose also learns from pictures rotated by up to this (ours: 20)
