"""How the drawn domain's weights are trained; torch-free, as the configuration has some of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReaderOptions:
    """How a parser or annotator is trained."""

    kimg: float = 100  # thousand images seen
    batch: int = 32  # images per step
    lr: float = 2e-3  # AdamW; one cosine down to 0
    seed: int = 2025


@dataclass(frozen=True)
class PairedOptions:
    """How the generator is fitted to pairs of latent and portrait."""

    kimg: tuple[float, ...] = (20, 60, 150, 340)  # thousand images at 8, 16, 32, … px
    batch: int = 16  # images per step at full resolution
    batch_coarse: int = 32  # images per step below
    lr: float = 2.5e-3  # Adam of the synthesis network; falls to a tenth over the last two fifths
    rare_share: float = 0.3  # of each batch, low quality, old or glasses: else they are ignored
    part_weight: float = 5.0  # extra weight of the face parts' pixels
    gradient_weight: float = 1.0  # weight of the loss on differences of neighbouring pixels
    texture_weight: float = 3.0  # weight of the loss on how much neighbourhoods change
    mapping_steps: int = 30000  # steps that fit the mapping network
    mapping_batch: int = 256  # fresh latents per such step
    mapping_lr: float = 2e-3  # Adam, times 1 / lr_mul; falls to 0
    half_life_kimg: float = 3.0  # of the moving average
    seed: int = 2025


@dataclass(frozen=True)
class AdversarialOptions:
    """How generator and discriminator play."""

    kimg: float = 7.2  # thousand images the generator learns from
    batch: int = 16  # images per step
    generator_lr: float = 1.5e-3  # Adam, beta 0 and 0.99
    discriminator_lr: float = 2e-3  # Adam, beta 0 and 0.99
    warmup_steps: int = 300  # steps in which only the discriminator learns
    rare_share: float = 0.2  # of each batch, real and drawn
    r1_gamma: float = 2.0  # weight of the gradient penalty on real pictures
    r1_every: int = 8  # steps between penalties, whose weight is multiplied by that
    paired_weight: float = 1.0  # weight of the loss against each latent's own portrait
    part_weight: float = 5.0  # as in the first phase
    gradient_weight: float = 1.0  # as in the first phase
    texture_weight: float = 3.0  # as in the first phase
    half_life_kimg: float = 4.0  # of the moving average
    seed: int = 2025
