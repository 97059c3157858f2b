"""What each step is given, by the step's number alone: any worker, process or resumed run makes the same.

A step's batch is `shards` independent draws.  One process works through all of them (gradient accumulation); under
torchrun each of n processes takes every n-th.  Both see the same samples and the same noise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genmo.runtime.denoiser import schedule
from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.batches import Batch
from genmo.train.settings.config import TrainConfig

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None

PREFETCHED = 2
"""steps that a worker makes ahead; a step of 300 samples takes 60 MB of shared memory"""
FILES = 65536
"""open files that a process with workers asks for"""
LATE = 0.6
"""timesteps are 1000 u^0.6 for uniform u: density ~ t^(2/3)"""


@dataclass(frozen=True, eq=False)
class Shard:
    """One draw of a step and the randomness that the forward pass takes."""

    batch: Batch
    timestep: Tensor
    """[batch] int64; the last one for estimation samples"""
    noise: Tensor
    """[batch, frames, features] unit normal"""
    seed: int
    """for what is random inside the network (dropped n-grams)"""

    def to(self, device: torch.device) -> Shard:
        """The same on another device."""
        timestep, noise = (tensor.to(device, non_blocking=True) for tensor in (self.timestep, self.noise))
        return Shard(self.batch.to(device), timestep, noise, self.seed)


@cache
def _levels(device: torch.device) -> Tensor:
    """Alpha-bar of every timestep."""
    return torch.tensor(schedule.alphas_cumprod(), dtype=torch.float32, device=device)


def noised(target: Tensor, timestep: Tensor, noise: Tensor, estimation: int) -> Tensor:
    """x_t [batch, frames, features]: zeros for the first `estimation` samples (equation 5), the others' target noised
    to their timestep (equation 4)."""
    level = _levels(target.device)[timestep][:, None, None]
    x_t = level.sqrt() * target + (1 - level).sqrt() * noise
    keep = torch.arange(len(target), device=target.device) >= estimation
    return torch.where(keep[:, None, None], x_t, 0.0)


def signal_of(timestep: Tensor, estimation: int) -> Tensor:
    """[batch] alpha-bar of the timesteps, and 1 for the first `estimation` samples, which are given no noise."""
    level = _levels(timestep.device)[timestep]
    return torch.where(torch.arange(len(level), device=level.device) < estimation, 1.0, level)


def draw_timesteps(count: int, estimation: int, generator: torch.Generator) -> Tensor:
    """[count] timesteps: the last for the first `estimation`, random for the others.

    Late ones come more often: neighbouring frames share so much that much of a motion shows through noise that would
    hide independent numbers, and what it shall be is decided early.
    """
    timestep = (schedule.STEPS * torch.rand(count, generator=generator) ** LATE).long()
    timestep[:estimation] = schedule.STEPS - 1
    return timestep


class Feed(Dataset[list[Shard]]):
    """`feed[step]`: the shards of a step that fall to process `rank` of `processes`."""

    def __init__(self, sampler: BatchSampler, config: TrainConfig, rank: int = 0, processes: int = 1) -> None:
        self.sampler, self.config = sampler, config
        self.shards = range(rank, config.shards, processes)

    def __getitem__(self, step: int) -> list[Shard]:
        return [self._shard(step, shard) for shard in self.shards]

    def _shard(self, step: int, shard: int) -> Shard:
        c = self.config
        frames = int(np.random.default_rng((c.seed, step, 1)).choice(c.frames))
        batch = self.sampler.draw(step * c.shards + shard, c.estimation, c.generation, frames)
        if c.objective == "diffusion":
            batch = replace(batch, estimation=0)
        seed = int(np.random.default_rng((c.seed, step, 2, shard)).integers(2**62))
        generator = torch.Generator().manual_seed(seed)
        timestep = draw_timesteps(len(batch.features), batch.estimation, generator)
        return Shard(batch, timestep, torch.randn(batch.features.shape, generator=generator), seed)

    def steps(self, first: int, last: int) -> Iterator[list[Shard]]:
        """The shards of steps `first` to `last` - 1, made ahead of time by `config.workers` processes if any."""
        workers = self.config.workers
        if workers:
            _allow_many_files()
        loader: DataLoader[list[Shard]] = DataLoader(
            self,
            batch_size=None,
            sampler=range(first, last),
            num_workers=workers,
            collate_fn=_as_it_is,
            prefetch_factor=PREFETCHED if workers else None,
        )
        return iter(loader)


def measure_feed(feed: Feed, first: int, seconds: float) -> dict[str, float]:
    """Samples a second that the feed makes from step `first` on when nobody trains, over about `seconds`.

    Start-up of the workers is not counted: the first step is made before the clock runs.
    """
    c = feed.config
    steps = feed.steps(first, first + 10**6)
    next(steps)
    started, count = time.monotonic(), 0
    while (passed := time.monotonic() - started) < seconds or not count:
        count += len(next(steps))
    return {
        "steps": count / len(feed.shards),
        "seconds": passed,
        "samples_a_second": count * (c.estimation + c.generation) / passed,
    }


def _allow_many_files() -> None:
    """Every tensor that waits in shared memory is an open file, and systems allow a process a thousand at first."""
    if resource is not None:
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, limit), most))


def _as_it_is(shards: list[Shard]) -> list[Shard]:
    return shards
