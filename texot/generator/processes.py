"""Several processes that train one network: `torchrun --nproc-per-node N -m texot train ...`.

Every process draws its own noise. Gradients and the state of terms are averaged over all processes
(torch.distributed: gloo on CPUs, nccl on GPUs). At every step they agree on whether to continue.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from texot.errors import DeviceError, one_line


@dataclass(frozen=True)
class Processes:
    """The processes of one training.

    Attributes:
        rank: index of this process, from 0.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls, device: str) -> Processes:
        """The processes that torchrun started, or one process.

        Args:
            device: of the training; CUDA devices use nccl.

        Raises:
            DeviceError: the processes cannot connect.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return cls()
        cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
        try:
            if cuda:
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl" if cuda else "gloo")
        except (KeyError, RuntimeError, ValueError) as error:
            raise DeviceError(f"the processes cannot connect: {one_line(error)}") from error
        return cls(dist.get_rank(), dist.get_world_size())

    @torch.no_grad()
    def average(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their means over the processes."""
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        means = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all processes must call this."""
        return flag if self.count == 1 else bool(self._reduced([float(flag)], dist.ReduceOp.MAX)[0])

    def minimum(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """The smallest of each number over the processes."""
        if self.count == 1:
            return numbers
        return tuple(int(n) for n in self._reduced([float(n) for n in numbers], dist.ReduceOp.MIN))

    def generator(self, seed: int) -> torch.Generator | None:
        """This process's own generator of noise; None for the first, which keeps the one it has."""
        if not self.rank:
            return None
        return torch.Generator().manual_seed((seed * 1_000_003 + self.rank) % 2**63)

    def leave(self) -> None:
        """Disconnect from the other processes."""
        if self.count > 1:
            dist.destroy_process_group()

    def _reduced(self, values: list[float], operation: dist.ReduceOp.RedOpType) -> list[float]:
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        tensor = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(tensor, operation)
        found: list[float] = tensor.tolist()
        return found
