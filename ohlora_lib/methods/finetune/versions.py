"""What the versions are: the published recipes and the corrected ones.

A corrected recipe keeps a version's idea (its networks, data, loss and starting point) and mends
what kept it from working; see docs/finetune.md for the reason of every difference.
"""

from dataclasses import replace

from ohlora_lib.methods.finetune.options import ALL_LABELS, FinetuneOptions

_PUBLISHED = {
    "keep_weights": False,
    "embedding_std": 1.0,
    "whole_epochs": True,
    "keep_best": False,
    "half_life": 0.0,
    "optimizer": "adamw",
    "lr": 1e-4,
    "precision": "float32",
    "lr_by_multiplier": False,
    "critic_lr": 1e-4,
    "schedule": "constant",
    "quantise": False,
    "label_scale": 0.0,
    "judge_dropout": True,
    "judge_range": False,
}

_V1 = FinetuneOptions(
    objective="adversarial",
    labels=ALL_LABELS,
    start="original",
    scores="v2",
    content=1.5,  # less, and w shrinks: glasses and age, at its ends, are drawn no more
    attributes=("gender",),
    attribute_weight=0.2,  # as a share of women; more, and no men are left to learn from
    auxiliary=2.0,
    label_scale=1.5,
    critic_lr=6e-3,
    critic_beta=0.9,  # without, it learnt to read eyes too late for the generator
    r1_every=8,
    r1_gamma=2.0,
    warmup=200,
)
_V2 = FinetuneOptions(objective="scores", labels=ALL_LABELS, targets=ALL_LABELS[:6], content=0.5)
_V3 = FinetuneOptions(
    objective="autoencoder",
    labels=ALL_LABELS,
    embedding=24,
    content=0.5,
    attributes=("gender",),
    label_scale=1.5,
    critic_lr=1e-4,
)
_V4 = replace(
    _V1,
    labels=FinetuneOptions.labels,
    start="v1",
    scores="cnn",
    content=0.3,
    attribute_weight=1.0,
    critic_lr=3e-3,  # v1's discriminator, which goes on here, already reads scores
    critic_beta=0.0,
    warmup=60,  # v1 obeys already; fewer steps until the discriminator reads three scores
)
_V5 = FinetuneOptions(
    objective="adversarial",
    embedding=0,
    content=0.1,
    discriminator="crops",
    discriminator_trainable="head",
    critic_lr=1e-2,  # two small layers, with nothing but six numbers to learn from
    r1_every=8,
    r1_gamma=1e-3,  # the branches are steep: a larger one keeps the layers after them flat
    warmup=150,
)
_V8 = replace(
    _V1,
    start="v1",
    scores="cnn",
    content=0.5,
    content_label=True,
    attributes=("gender", "quality", "age", "glass"),
    attribute_weight=4.0,
    critic_lr=3e-3,  # v1's discriminator, which goes on here, already reads scores
    critic_beta=0.0,
    warmup=20,  # the parent's discriminator knows its trade already
    label_scale=1.0,  # as random labels are drawn in use
    keep_best=False,  # what it is trained for is not in the protocol check
)

CORRECTED = {
    "v1": _V1,
    "v2": _V2,
    "v3": _V3,
    "v4": _V4,
    "v5_1": _V5,
    "v5_2": replace(_V5, objective="scores", content=0.5, warmup=0),
    "v5_3": replace(_V5, truncation_psi=0.5, truncation_samples=64),
    "v8": _V8,
}

_GAN = {"attributes": (), "fresh_noise": True, "style_mixing": 0.9, "auxiliary": 0.0, "warmup": 0}
_GAN |= {"r1_every": 1, "r1_gamma": 10.0, "content": 0.0, **_PUBLISHED}
_LAST = {**_GAN, "discriminator_trainable": "last", "max_g_steps": 4}
_CROPS = {**_GAN, "discriminator_trainable": "all", "max_d_steps": 4, "max_g_steps": 4}
_CROPS |= {"trainable": "all", "color_jitter": 0.1}
_JUDGED = {**_PUBLISHED, "content": 0.0, "curriculum": 0.9}
_JUDGED |= {"trainable": "all", "judge_trainable": True}  # by one optimiser: one step size
_JUDGED |= {"lr": 1e-5, "critic_lr": 1e-5, "schedule": "swing"}
_JUDGED |= {"swing_period": 20, "swing_steps": 50}
_VAE = {**_PUBLISHED, "batch": 8, "content": 0.0, "swap_labels": 0.0}
_VAE |= {"critic_lr": 1e-5, "schedule": "swing"}
_VAE |= {"swing_period": 10, "swing_steps": 588}  # an epoch of the published 4,703 faces

PUBLISHED = {
    "v1": replace(_V1, **{**_LAST, "scores": "v1"}),
    "v2": replace(_V2, **_JUDGED),
    "v3": replace(_V3, **_VAE),
    "v4": replace(_V4, **{**_LAST, "batch": 8}),
    "v5_1": replace(_V5, **_CROPS),
    "v5_2": replace(_V5, **{**_PUBLISHED, "objective": "scores", "content": 0.0, "warmup": 0}),
    "v5_3": replace(
        _V5,
        **{**_CROPS, "style_mixing": 0.0, "truncation_psi": 0.5, "truncation_samples": 1000},
    ),
    "v8": replace(
        _V8,
        **{
            **_LAST,
            "batch": 8,
            "style_mixing": 0.0,
            "zero_labels": True,
            "trainable": "first",
            "keep_weights": True,
            "content_label": False,
        },
    ),
}

RECIPES = {"corrected": CORRECTED, "published": PUBLISHED}
VERSIONS = tuple(CORRECTED)


def version_options(version: str, recipe: str, changes: dict) -> FinetuneOptions:
    """Return the options of a version.

    Args:
        version: one of `VERSIONS`.
        recipe: `corrected` or `published`.
        changes: fields of `FinetuneOptions` that differ from the recipe's; None leaves one as is.

    Raises:
        ValueError: there is no such field.
    """
    known = FinetuneOptions.__dataclass_fields__
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f"a fine-tune has no option {', '.join(unknown)}; see FinetuneOptions")
    wanted = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in changes.items()
        if value is not None
    }
    return replace(RECIPES[recipe][version], **wanted)
