"""Which networks directions were found with: kept in their file, checked where they are used.

Another generator of the same shape draws faces along them, too, but they mean nothing there.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.training.state import tensors_digest


def origin(networks: Mapping[str, nn.Module]) -> dict[str, str]:
    """Return the digest of every network's weights, for the provenance of what is found with it."""
    return {name: tensors_digest(network.state_dict()) for name, network in networks.items()}


def check_origin(path: str | Path, name: str, network: nn.Module, file: str | Path) -> None:
    """Make sure that directions are used with a network that they were found with.

    Args:
        path: checkpoint of the directions. A network that its provenance does not name is not
            checked: directions of others name none.
        name: of the network in the provenance.
        network: the one to be used.
        file: where that is from.

    Raises:
        InputError: the network has other weights.
    """
    known = read_checkpoint(path).provenance
    (found,) = origin({name: network}).values()
    if known.get(name, found) != found:
        raise InputError(
            f"{path} was made with another {name} than {file}; supply the one that it was made "
            f"with, or {rebuild(path)}"
        )
