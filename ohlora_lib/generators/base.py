"""What a generator family offers; populations, methods and judging need nothing else.

A family is a folder with a generator, and a discriminator if it has one; `registry` names it. Its
networks are found by their `kind`, which stands in every checkpoint.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Labelling:
    """How a network is to take a label.

    Attributes:
        labels: what the label's numbers mean, in their order.
        known: what the numbers of the present label mean; () where it has none.
        embedding: width of the learned embedding of the label; 0 takes the numbers as they are.
        embedding_std: spread of a new embedding.
        keep_weights: keep the weights that fit, so that a label of zeros (or one that was known)
            draws as before; else they start anew, as published.
    """

    labels: Sequence[str]
    known: Sequence[str] = ()
    embedding: int = 16
    embedding_std: float = 0.2
    keep_weights: bool = True


@dataclass(frozen=True)
class Trainable:
    """Parameters of a generator that a fine-tune may train."""

    mapping: list[nn.Parameter]  # of the mapping network's dense layers
    mapping_multiplier: float  # that their stored values are multiplied by; 1 for none
    label: list[nn.Parameter]  # the label embedding, if there is one
    first: list[nn.Parameter]  # of the synthesis layers at the lowest resolution
    synthesis: list[nn.Parameter]  # of all synthesis layers, those included


class Generator(nn.Module, ABC):
    """Latent z (and label) to style vectors w to picture.

    Attributes:
        kind: stands in its checkpoints.
        resolution: side of a picture, pixels.
        z_dim: width of z, which is N(0, 1).
        w_dim: width of w.
        num_layers: number of style layers, each of which may get a w of its own.
        label_dim: width of the label; 0 for none.
        label_embed_dim: width of its learned embedding; 0 for none.
        mapping: z [N, z_dim] (and label [N, label_dim]) to w [N, w_dim]; ValueError where they do
            not fit.
        synthesis: wp [N, num_layers, w_dim] to pictures [N, 3, resolution, resolution], nominally
            in [-1, 1], not clipped; differentiable. With `randomize_noise=True` every picture gets
            fresh noise, where the family has noise.
    """

    kind: ClassVar[str]
    resolution: int
    z_dim: int
    w_dim: int
    num_layers: int
    label_dim: int
    label_embed_dim: int
    mapping: nn.Module
    synthesis: nn.Module

    @abstractmethod
    def config(self) -> dict:
        """Return the constructor arguments, JSON types."""

    @property
    @abstractmethod
    def w_avg(self) -> Tensor:
        """The mean w [w_dim] that truncation pulls towards; a buffer, changed in place."""

    @property
    @abstractmethod
    def label_embedding(self) -> Tensor | None:
        """The learned embedding of the label, [label_dim, label_embed_dim]; None for none."""

    @abstractmethod
    def drawing(self) -> Callable[[Tensor], Tensor]:
        """Return a fast synthesis: wp [N, num_layers, w_dim] to [N, 3, R, R], as `synthesis`.

        All that does not depend on wp is computed beforehand, from the present weights, on their
        device; without gradients, with stored noise.
        """

    @abstractmethod
    def with_labels(self, labelling: Labelling) -> "Generator":
        """Return the same network with another label; new weights come from torch's global seed."""

    @abstractmethod
    def with_random_label(self, embedding: Tensor) -> "Generator":
        """Return the same network with a label of another width and a given embedding.

        Args:
            embedding: [numbers, label_embed_dim].
        """

    @abstractmethod
    def trainable(self) -> Trainable:
        """Return its parameters by what fine-tunes train."""

    def truncate(self, w: Tensor, psi: float = 1.0, layers: int = 0) -> Tensor:
        """Give every style layer its w, pulled towards the mean in the first ones.

        Args:
            w: [N, w_dim], or [N, num_layers, w_dim] where layers already differ.
            psi: truncation; 1 for none.
            layers: how many of the first layers are truncated; 0 for none.

        Returns:
            wp, [N, num_layers, w_dim].
        """
        wp = w if w.ndim == 3 else w[:, None].expand(-1, self.num_layers, -1)
        if psi == 1.0 or layers == 0:
            return wp
        truncated = self.w_avg + (wp[:, :layers] - self.w_avg) * psi
        return torch.cat([truncated, wp[:, layers:]], dim=1)


class Discriminator(nn.Module, ABC):
    """Picture (and label) to one unbounded logit.

    Attributes:
        kind: stands in its checkpoints.
        resolution: side of a picture, pixels.
        label_dim: width of the label; 0 for none.
    """

    kind: ClassVar[str]
    resolution: int
    label_dim: int

    @abstractmethod
    def config(self) -> dict:
        """Return the constructor arguments, JSON types."""

    @abstractmethod
    def logits(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return all outputs: of one with an auxiliary head [N, 1 + label_dim].

        There the logit comes first, then the label that it predicts from the picture; it takes no
        label. Otherwise [N, 1].
        """

    @abstractmethod
    def with_labels(self, count: int, auxiliary: bool) -> "Discriminator":
        """Return the same network for a label of `count` numbers, as fine-tunes start from it.

        Args:
            count: width of the label.
            auxiliary: whether a second head predicts the label (Odena et al. 2017); else the label
                joins the features before the last layer, as published.
        """

    @abstractmethod
    def last_block(self) -> list[nn.Module]:
        """Return the layers at the lowest resolution, the dense ones included."""

    @abstractmethod
    def whole_batch_layers(self) -> list[nn.Module]:
        """Return the layers that look at all pictures of a batch, as minibatch statistics do.

        Several processes that share a batch hand them the whole one (`training.distributed`).
        """
