"""Embeds the people in pictures with a published network that nothing trains or searches with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ohlora_lib.networks.face_mesh import FaceMesh
from ohlora_lib.networks.face_mesh_crop import find_landmarks, upright_box
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.identity_crop import identity_embeddings
from ohlora_lib.networks.identity_embedding import WIDTH, IdentityEmbedding
from ohlora_lib.store.picture_tensors import full_batches, to_float

BATCH = 32  # pictures at once


class IdentityReader:
    """Finds the face in each picture and embeds it.

    Args:
        network: the embedding.
        mesh: the face mesh that finds the landmarks by which faces are cut out.
        box: where faces lie, as domain.segmenter.box.
        device: torch device name.
    """

    def __init__(
        self,
        network: IdentityEmbedding,
        mesh: FaceMesh,
        box: Sequence[float] | None = None,
        device: str = "cpu",
    ) -> None:
        last = torch.channels_last
        self.network = network.to(device, memory_format=last)
        self.mesh = mesh.to(device, memory_format=last)
        self.box = upright_box(box)
        self.device = device

    @torch.inference_mode()
    def read(self, images: np.ndarray) -> np.ndarray:
        """Embed faces.

        Args:
            images: uint8 [N, H, W, 3].

        Returns:
            float32 [N, 1024] of unit length, NaN where the mesh says that there rather is no face.
        """
        embeddings = np.full((len(images), WIDTH), np.nan, np.float32)
        for rows, batch in full_batches(images, BATCH):
            pictures = to_float(batch, self.device)
            faces = find_landmarks(self.mesh, pictures, self.box)
            found = identity_embeddings(self.network, pictures, faces.points)
            found[faces.score_logit <= 0] = torch.nan
            embeddings[rows] = found.cpu().numpy()[: rows.stop - rows.start]
        return embeddings


def load_identity(
    identity: str | Path | None,
    face_mesh: str | Path | None,
    box: Sequence[float] | None = None,
    device: str = "cpu",
) -> IdentityReader | None:
    """Build the reader of a domain; None in one without an identity embedding.

    Args:
        identity: checkpoint of the embedding, or None.
        face_mesh: checkpoint of the face mesh.
        box: see `IdentityReader`.
        device: torch device name.

    Raises:
        InputError: a checkpoint of another kind.
    """
    if identity is None:
        return None
    network = load_network(identity, IdentityEmbedding.kind)
    return IdentityReader(network, load_network(face_mesh, FaceMesh.kind), box, device)
