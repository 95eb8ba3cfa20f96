"""Every switch of a fine-tune; a version's recipe is a choice of these and nothing else."""

from dataclasses import dataclass

from ohlora_lib.scores import ALGORITHMS, CONTROLLED

ALL_LABELS = tuple(ALGORITHMS["v1"])  # the seven scores, in their canonical order


@dataclass(frozen=True)
class FinetuneOptions:
    """What is trained, from where, against what, and how.

    The defaults are those of the corrected recipes.
    """

    # what is trained, and where it starts
    objective: str  # adversarial, scores or autoencoder
    labels: tuple[str, ...] = CONTROLLED  # what the label numbers mean
    embedding: int = 16  # width of the learned label embedding; 0 puts the labels behind z as is
    start: str = "v1"  # original, or v1: FineTune-v1's generator (and discriminator)
    scores: str = "cnn"  # whose scores label the pictures: v1, v2 (algorithms) or cnn
    keep_weights: bool = True  # keep the first mapping layer's weights of z; published: restart
    embedding_std: float = 0.2  # spread of a new label embedding; published 1
    trainable: str = "mapping"  # of the generator: mapping, first (with 4x4 pixels) or all
    # the loop
    steps: int = 600
    epoch: int = 100  # steps between samples, states and protocol checks
    batch: int = 16  # images a step
    whole_epochs: bool = False  # every face once before any again; else faces are drawn at random
    patience: int = 0  # epochs without a better protocol check before stopping; 0: never stop early
    keep_best: bool = True  # the best epoch by the protocol check, else the last
    half_life: float = 2000.0  # images; moving average of the generator; 0: none is used
    # optimisation
    optimizer: str = "adam"  # adam (beta 0 or 0.9, 0.99) or adamw (PyTorch's defaults)
    lr: float = 2e-3  # step size of the generator
    lr_by_multiplier: bool = (
        True  # divided by lr_mul for the mapping network, which else stands still
    )
    critic_lr: float = 1e-3  # step size of discriminator or encoder
    critic_beta: float = 0.0  # momentum (beta 1) of a discriminator's Adam; StyleGAN has none
    schedule: str = "cosine"  # constant, cosine (rises, then to 0) or swing (down, up, down ...)
    swing_period: int = 10  # groups of steps until swing reaches 0; in as many it is up again
    swing_steps: int = 50  # steps of such a group, which share a step size
    clip: float = 0.0  # largest gradient norm of each network that is trained; 0: no clipping
    precision: str = "auto"  # bfloat16 where a network draws or judges: auto on CUDA; or float32
    # pictures
    style_mixing: float = 0.0  # probability
    fresh_noise: bool = False  # noise drawn anew for every picture
    quantise: bool = True  # drawn pictures go through 8 bit like the real ones, gradient kept
    color_jitter: float = 0.0  # brightness and contrast of real pictures, +- this share
    label_scale: float = 1.3  # spread of requested scores beyond N(0, 1); 0: real pictures' own
    zero_labels: bool = False  # published v8: every label is 0 while training
    content: float = 0.0  # weight that holds w near that of the starting generator
    content_label: bool = False  # near what that one does with the same label; else with zeros
    # frozen judges
    judge_dropout: bool = False  # published: the judges' dropout stays on
    judge_trainable: bool = False  # published v2: the judge learns too
    judge_range: bool = True  # give attribute CNNs [0, 1] as they were trained; published: [-1, 1]
    targets: tuple[str, ...] = CONTROLLED  # scores that the loss is about
    attributes: tuple[str, ...] = ()  # that pictures are trained to have, see `attributes.WANTED`
    attribute_weight: float = 1.0  # of the squared distances to what is desired
    # adversarial
    discriminator: str = "stylegan"  # stylegan, or crops: three branches of the property CNN
    discriminator_trainable: str = "all"  # all, last (last block and dense layers) or head
    auxiliary: float = 0.0  # weight of a second head that predicts the scores (Odena et al. 2017)
    warmup: int = 0  # steps in which only the discriminator learns
    r1_gamma: float = 10.0  # gradient penalty on real pictures
    r1_every: int = 1  # steps between penalties, whose weight is multiplied by that
    max_d_steps: int = 1  # a batch's discriminator steps, until D < 1.5 G
    max_g_steps: int = 1  # a batch's generator steps, until G < 2 D
    truncation_psi: float = 1.0  # conditional truncation (v5-3); 1: none
    truncation_samples: int = 1000  # latents behind each label's mean w
    # scores
    curriculum: float = 0.0  # r of the published v2: latents and labels start as one fixed batch
    # autoencoder
    mean_weight: float = 0.2  # weight of mu squared
    variance_weight: float = 0.05  # weight of (log variance) squared
    swap_labels: float = 0.75  # share of pictures whose label is another one than their own


def check_processes(options: FinetuneOptions, processes: int) -> None:
    """Refuse several processes where they would not learn what one learns.

    Raises:
        ValueError: says what is in the way.
    """
    if processes == 1:
        return
    if options.objective != "adversarial":
        raise ValueError("only adversarial fine-tunes (v1, v4, v5_1, v5_3, v8) can share a batch")
    if options.batch % processes:
        raise ValueError(f"a batch of {options.batch} cannot be shared equally by {processes}")
    for name in ("style_mixing", "fresh_noise", "judge_dropout", "clip"):
        if getattr(options, name):
            raise ValueError(f"processes that share a batch cannot have {name}, as published")
