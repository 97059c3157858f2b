"""One training process or many: torchrun's environment, gradients summed between them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import nn

from genmo.runtime.support.errors import InputError


@dataclass(frozen=True)
class Processes:
    """This process's place among `count`."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this one logs and saves."""
        return self.rank == 0

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by the sum over the processes, in one transfer."""
        if self.count == 1:
            return
        parameters = [p for p in model.parameters() if p.requires_grad]
        # a parameter that this process's samples did not touch may have a gradient elsewhere
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        torch.distributed.all_reduce(flat)
        for parameter, gradient in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = gradient.view_as(parameter)

    def mean(self, report: dict[str, float]) -> dict[str, float]:
        """Numbers averaged over the processes."""
        if self.count == 1:
            return report
        values = torch.tensor(list(report.values()), dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(values)
        return dict(zip(report, (values / self.count).tolist(), strict=True))


def join(device: str) -> Processes:
    """The processes that torchrun started (one without it), this one on its own GPU if the device allows.

    Raises InputError for a device that is not there.
    """
    rank, count, local = (
        int(os.environ.get(name, default)) for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    chosen = _device(device, local)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
        torch.set_float32_matmul_precision("high")
    if count > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    return Processes(rank, count, chosen)


def _device(name: str, local: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"config: device is {name!r}; wanted auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"config: device is {name!r}; wanted auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        index = local if device.index is None else device.index
        count = torch.cuda.device_count()
        if index >= count:
            raise InputError(f"config: device is {name!r}; this machine has {count} CUDA devices: use device=cpu")
        return torch.device("cuda", index)
    return device
