"""Several processes train one network: each learns from its part of every batch.

The processes hold the same weights, draw the same random numbers for the whole batch, keep their
own rows of them and average the gradients before every step, as StyleGAN's own training does
(Karras et al. 2019): so the result is that of one process, up to the order in which numbers are
summed. PyTorch's DistributedDataParallel would not do: it wraps one forward and one backward pass,
R1 differentiates twice. What sees the whole batch within a network needs care: see `Ranks.spread`.
"""

import atexit
import os
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_lib.generators.base import Discriminator
from ohlora_lib.runtime.launch import RENDEZVOUS


class Ranks:
    """This process among those that train one network; alone unless `runtime.launch` started it.

    Args:
        device: torch device name; of several cards that the job has, "cuda" is then this process's.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.index = int(os.environ.get("RANK", "0"))
        self.number = int(os.environ.get("WORLD_SIZE", "1"))
        self.count = 0  # of the current batch, over all processes
        if self.number > 1 and not dist.is_initialized():
            if device == "cuda":
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group(
                "nccl" if device == "cuda" else "gloo",
                init_method=f"file://{os.environ[RENDEZVOUS]}",
                rank=self.index,
                world_size=self.number,
            )
            atexit.register(dist.destroy_process_group)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.index == 0

    def rows(self, count: int) -> slice:
        """Return this process's rows of the next batch of `count`; it is the current one then."""
        self.count = count
        return slice(count * self.index // self.number, count * (self.index + 1) // self.number)

    def spread(self, network: nn.Module, *optimizers: torch.optim.Optimizer) -> None:
        """Make training a network on parts of a batch equal to training it on the whole.

        Dropout draws for the whole batch and keeps its own rows; the minibatch standard deviation
        is that of the whole batch; every step takes the mean of all processes' gradients.

        Args:
            network: changed in place. It runs on this process's rows of the current batch only,
                but for dropout in evaluation mode.
            optimizers: that shall average gradients.
        """
        if self.number == 1:
            return
        for module in network.modules():
            if isinstance(module, nn.Dropout | nn.Dropout2d):
                module.register_forward_hook(self._drop_out)
                module.forward = _same
        for layer in network.whole_batch_layers() if isinstance(network, Discriminator) else ():
            layer.register_forward_pre_hook(lambda _, inputs: self._gather(inputs[0]))
            layer.register_forward_hook(lambda _, inputs, x: x[self._own()])
        for optimizer in optimizers:
            optimizer.register_step_pre_hook(self._average)

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Return the mean of all processes' values."""
        if self.number == 1:
            return values
        own = torch.tensor(list(values.values()), dtype=torch.float64)
        sums = self._sum(own) / self.number
        return dict(zip(values, sums.tolist(), strict=True))

    def agree(self, value: Any) -> Any:
        """Return the first process's value, so that all decide alike."""
        if self.number == 1:
            return value
        shared = [value]
        dist.broadcast_object_list(shared)
        return shared[0]

    def _sum(self, values: Tensor) -> Tensor:
        values = values.to("cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(values)
        return values

    def _own(self) -> slice:
        return self.rows(self.count)

    def _gather(self, part: Tensor) -> Tensor:
        """Return the whole batch [N, ...] from everyone's rows; differentiable, also twice."""
        own = self._own()
        blank = (0, 0) * (part.ndim - 1)
        return _Sum.apply(F.pad(part, (*blank, own.start, self.count - own.stop)))

    def _drop_out(self, module: nn.Module, inputs: tuple[Tensor], x: Tensor) -> Tensor:
        if not module.training:
            return x
        channels = isinstance(module, nn.Dropout2d)
        shape = (*x.shape[1:2], 1, 1) if channels else x.shape[1:]
        ones = x.new_ones(self.count, *shape)
        drop = F.dropout2d if channels else F.dropout
        return x * drop(ones, module.p)[self._own()]

    def _average(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradients = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(together)
        together /= self.number
        parts = together.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


class _Sum(torch.autograd.Function):
    """Sum over the processes; so is its gradient, as each process's loss is a part of the whole."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        x = x.contiguous().clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def _same(x: Tensor) -> Tensor:
    return x
