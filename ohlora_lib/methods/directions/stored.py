"""Directions in w, in score units, and the file that holds them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.methods.directions.control import ControlNetwork
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint

KIND = "directions"  # of checkpoints
TENSORS = ("steps", "masks", "readout", "offset", "mean", "covariance")
CONTROL = "control."  # begins the names of a control network's tensors


@dataclass(frozen=True)
class Directions:
    """Where to move in w for one score unit of eyes, mouth and pose.

    Attributes:
        steps: float32 [L, 3, D], added to the w of layer l for one unit of a property.
        masks: float32 [L, 3], how strongly a layer takes part in a property's step, 1 where no way
            weighted the layers; `steps` have them in them already, trained ones began with them.
        names: what the readout predicts, k scores and log odds of attributes.
        readout: float32 [k, D], B: what is read off a picture is about offset + B w.
        offset: float32 [k].
        mean: float32 [D], of w.
        covariance: float32 [D, D], of w.
        measured: how often is measured: 0 trusts `readout` for where a face stands, 1 measures the
            face itself, more also measure the moved face, correct, and keep the best try.
        control: what bends the steps by the face they start from; None where they are the same for
            all faces.
    """

    steps: np.ndarray
    masks: np.ndarray
    names: tuple[str, ...]
    readout: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    measured: int = 0
    control: ControlNetwork | None = None

    def __post_init__(self) -> None:
        layers, properties, width = self.steps.shape
        expected = {
            "masks": (layers, properties),
            "readout": (len(self.names), width),
            "offset": (len(self.names),),
            "mean": (width,),
            "covariance": (width, width),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} must be {list(shape)}, got {list(found)}")
        missing = [name for name in CONTROLLED if name not in self.names]
        if missing:
            raise ValueError(f"the readout does not predict {', '.join(missing)}")
        if self.control is not None and self.control.last.out_features != width:
            found = self.control.last.out_features
            raise ValueError(f"the control network moves {found} numbers of w, not {width}")

    def rounds(self, measured: int) -> "Directions":
        """Return the same directions, followed with so many measurements."""
        return replace(self, measured=measured)

    def shown(self, requested: np.ndarray) -> np.ndarray:
        """Return the requests that are followed, [N, 3]; a control network has learnt some only."""
        return requested if self.control is None else self.control.shown(requested)

    def moves(self, units: np.ndarray, w: np.ndarray, stands: np.ndarray) -> np.ndarray:
        """Return what is added to every layer's w so that faces change by so many score units.

        Args:
            units: [N, 3], what is requested less where the faces stand.
            w: float32 [N, D], of the faces.
            stands: [N, 3], their scores.

        Returns:
            float32 [N, L, D].
        """
        moves = np.einsum("np,lpd->nld", units.astype(np.float32), self.steps)
        if self.control is None:
            return moves
        return moves + self.control.bend(w, stands + units, stands)[:, None]

    def lengths(self) -> np.ndarray:
        """Return the Mahalanobis norm of one unit's step of each property [3], mean over layers.

        What a control network adds is not in it.
        """
        inverse = np.linalg.inv(self.covariance.astype(np.float64))
        squares = np.einsum("lpd,de,lpe->lp", self.steps, inverse, self.steps)
        return np.sqrt(squares.mean(axis=0))


def save_directions(
    path: str | Path, directions: Directions, provenance: dict[str, Any] | None = None
) -> None:
    """Write directions.

    Args:
        path: a .safetensors file.
        directions: see `Directions`.
        provenance: where they come from, as JSON types; of a fit see `fit.fit_directions`. What it
            says under `generator` and `property_cnn` is checked when a model is opened.
    """
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(getattr(directions, name), np.float32))
        for name in TENSORS
    }
    config = {
        "properties": list(CONTROLLED),
        "names": list(directions.names),
        "measured": directions.measured,
    }
    if directions.control is not None:
        parts = directions.control.state_dict().items()
        tensors |= {f"{CONTROL}{name}": tensor for name, tensor in parts}
        config["control"] = {"width": directions.control.width}
    save_checkpoint(path, tensors, KIND, config, provenance)


def load_directions(path: str | Path) -> Directions:
    """Read directions.

    Raises:
        InputError: the file is missing, damaged, of another kind or of other properties.
    """
    found = read_checkpoint(path, KIND)
    if found.config.get("properties") != list(CONTROLLED):
        raise InputError(
            f"{path} holds directions of {found.config.get('properties')}, not of "
            f"{', '.join(CONTROLLED)}; supply the right file"
        )
    try:
        tensors = {name: found.tensors[name].numpy() for name in TENSORS}
        names = tuple(found.config["names"])
        control = None
        if "control" in found.config:
            control = ControlNetwork(tensors["mean"].size, **found.config["control"]).eval()
            parts = found.tensors.items()
            control.load_state_dict(
                {key[len(CONTROL) :]: part for key, part in parts if key.startswith(CONTROL)}
            )
        return Directions(
            **tensors, names=names, measured=found.config["measured"], control=control
        )
    except (KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} holds no complete set of directions ({reason}); supply the right file, or "
            f"{rebuild(path)}"
        ) from error
