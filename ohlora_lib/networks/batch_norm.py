"""Batch norms that convolutions take in, for networks that only infer."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def fold_batch_norms(network: Network) -> Network:
    """Return a copy in evaluation mode whose convolutions do the work of the norms after them.

    Its answers are the network's but for rounding.

    Args:
        network: with `nn.Sequential` parts in which an `nn.BatchNorm2d` may follow an `nn.Conv2d`;
            not changed.
    """
    folded = copy.deepcopy(network).eval()
    for part in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        for i, (layer, following) in enumerate(pairwise(list(part))):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                part[i], part[i + 1] = fuse_conv_bn_eval(layer, following), nn.Identity()
    return folded
