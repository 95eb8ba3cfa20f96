"""Gives a generator or discriminator a label, keeping the weights that fit."""

import copy

import torch

from ohlora_lib.generators.base import Generator, Labelling
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator


@torch.no_grad()
def conditional_generator(base: Generator, labelling: Labelling) -> Generator:
    """Build the generator a fine-tune starts from; new weights come from torch's global seed.

    The label goes behind z, so only the first mapping layer changes its width. Its columns for z
    are kept (the published code restarts the whole layer), and for every label that the base knows
    so is what it does with it: the embedding as far as it fits, or, where labels go in as they are,
    its product with the columns behind it. A restart keeps an embedding of the same size.

    Args:
        base: of a family with StyleGAN's mapping network; with or without a label.
        labelling: see `Labelling`.

    Returns:
        A new generator; `base` is left as it is.
    """
    config = base.config() | {
        "label_dim": len(labelling.labels),
        "label_embed_dim": labelling.embedding,
    }
    generator = type(base)(**config)
    kept = base.state_dict()
    first = kept.pop("mapping.dense0.weight")
    embedding = kept.pop("mapping.label_weight", None)
    generator.load_state_dict(kept, strict=False)
    new, own = generator.mapping.dense0.weight, generator.mapping.label_weight
    if own is not None:
        own.mul_(labelling.embedding_std)
    if not labelling.keep_weights:
        if own is not None and embedding is not None and own.shape == embedding.shape:
            own.copy_(embedding)  # published: only the first layer restarts if all else fits
        return generator
    new[:, : base.z_dim] = first[:, : base.z_dim]
    behind = first[:, base.z_dim :]
    for row, name in enumerate(labelling.labels):
        if embedding is None or name not in labelling.known:
            continue
        old = embedding[list(labelling.known).index(name)]
        if own is None:
            new[:, base.z_dim + row] = behind @ old
        else:
            width = min(len(old), own.shape[1])
            own[row] = 0
            own[row, :width] = old[:width]
            new[:, base.z_dim : base.z_dim + width] = behind[:, :width]
    return generator


@torch.no_grad()
def conditional_discriminator(
    base: StyleGANDiscriminator, count: int, auxiliary: bool
) -> StyleGANDiscriminator:
    """Build the discriminator that FineTune-v1 and v4 start from.

    Published: the label joins the features before the last dense layer. Being linear, that layer
    can only add a number per label and never compares label and picture. Corrected
    (`auxiliary`): beside the logit, the last layer predicts the label
    (Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs").

    Args:
        base: with or without a label.
        count: width of the label.
        auxiliary: whether a second head predicts it.

    Returns:
        A new discriminator; everything is the base's, but the last layer where that has to change.
    """
    mode = "auxiliary" if auxiliary else "concat"
    own = base.config()
    if (own["label_dim"], own["label_mode"]) == (count, mode):
        return copy.deepcopy(base)  # FineTune-v8 goes on with all of its parent's weights
    config = base.config() | {
        "label_dim": count,
        "label_mode": mode,
        "minibatch_std_group": 16,
    }
    discriminator = StyleGANDiscriminator(**config)
    last = f"layer{2 * discriminator.log2 - 2}."
    kept = {key: value for key, value in base.state_dict().items() if not key.startswith(last)}
    discriminator.load_state_dict(kept, strict=False)
    return discriminator
