"""The training loop: dual mode, 2D-only clips, bf16, EMA, exact resume, one process or many."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from genmo.runtime.denoiser import schedule
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.train.data.batches import Batch, BatchSampler, Normalisation
from genmo.train.data.feature_scale import FeatureScales
from genmo.train.data.load_sets import check_data, feature_widths, known_subjects, load_data
from genmo.train.data.step_stream import OBJECTIVES, Feed, Shard, measure_feed, noised, signal_of
from genmo.train.data.t5_tokens import FOLDER as TEXTS
from genmo.train.data.t5_tokens import TextTokens, prompts_of, text_tokens
from genmo.train.datasets.clips import Clip
from genmo.train.geometry.mesh import read_mesh
from genmo.train.loop import distributed
from genmo.train.loop.losses import losses, total
from genmo.train.loop.sample_pictures import draw_samples
from genmo.train.loop.validation import absent_features, validate, validation_batch
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, read_state, save_checkpoint
from genmo.train.network.fusion import FUSIONS
from genmo.train.network.ngram_table import NgramTable
from genmo.train.settings.config import TrainConfig

STATISTICS_BATCHES = 40
BLOCKED = 400
"""frames of a window beyond which attention in blocks is cheaper, forward and backward on a CPU (`docs/log.md`)"""
VERTICES = 512
"""of a body, whose error is a loss"""


def model_inputs(
    model: Model,
    text_encoder: NgramTable | TextTokens,
    batch: Batch,
    conditions: dict[str, Tensor],
    x_t: Tensor,
    timestep: Tensor,
    gram_dropout: float,
) -> dict[str, Tensor]:
    """The denoiser's inputs for a batch's texts under `conditions`."""
    count = len(batch.prompts)
    flat = [prompt for prompts in batch.prompts for prompt in prompts]
    tokens, mask = text_encoder(flat, gram_dropout)
    return {
        "x_t": x_t,
        "timestep": timestep,
        **absent_features(model.config, conditions),
        **conditions,
        "text_tokens": tokens.unflatten(0, (count, -1)),
        "text_token_mask": mask.unflatten(0, (count, -1)),
        "text_spans": batch.spans,
    }


class Trainer:
    """One run in one folder: `weights.safetensors`, `model.json`, `state.pt`, `log.jsonl`."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        _check(config)
        self.config, self.folder = config, folder
        if config.threads:
            torch.set_num_threads(config.threads)
        self.processes = distributed.join(config.device)
        self.device = self.processes.device
        if config.shards < 1 or config.shards % self.processes.count:
            count = self.processes.count
            raise InputError(f"config: shards is {config.shards}; wanted a multiple of the processes, {count}")
        if self.processes.first:
            _writable(folder)
        self.write_event = _event_writer(config, folder) if self.processes.first else _write_nothing
        torch.manual_seed(config.seed)
        train, held_out, shares = load_data(config)
        outside = config.model.text_encoder == "none"
        if outside and not config.text_model:
            train, held_out = ([replace(clip, captions=()) for clip in clips] for clips in (train, held_out))
        check_data(config, train)
        self.sampler = BatchSampler(
            train,
            config.variety,
            config.seed,
            known_subjects(config.subjects_2d, "subjects_2d", train),
            config.often,
            features=feature_widths(config),
            reword=not outside,
        )
        self._share(train, shares)
        self.feed = Feed(self.sampler, config, self.processes.rank, self.processes.count)
        self.held_out = validation_batch(held_out).to(self.device) if held_out else None
        self.picture_clips = held_out
        family = FUSIONS[config.fusion]
        self.model = Model(config.model, family).to(self.device)
        self.average = Model(config.model, family).to(self.device)
        self.average.load_state_dict(self.model.state_dict())
        self.model.denoiser.use_blocked_attention(max(config.frames) > BLOCKED)
        self.scales = FeatureScales.fit(train, feature_widths(config)).to(self.device)
        self.mesh = read_mesh(config.body, VERTICES).to(self.device) if config.body else None
        self.text_tokens = self._text_tokens([*train, *held_out]) if outside else None
        self.optimizer = torch.optim.AdamW(
            self._trained(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.98),
            fused=self.device.type == "cuda",
        )
        self.step = 0
        self.best = math.inf
        if (folder / "state.pt").is_file():
            self._resume()
        elif config.init:
            self._start_from(load_checkpoint(config.init))
        else:
            self.normalisation = self._statistics()
        self.normalisation = self.normalisation.to(self.device)
        if self.processes.first:
            folder.mkdir(parents=True, exist_ok=True)

    def _text_tokens(self, clips: Sequence[Clip]) -> TextTokens:
        """The tokens of all captions, of a network that does not make them itself."""
        c, prompts = self.config, prompts_of(clips)
        first = self.processes.first
        return text_tokens(c.text_model, prompts, c.model, self.folder / TEXTS, first, self.device).to(self.device)

    def _trained(self) -> list[nn.Parameter]:
        """The weights that `only` names, all if it names none; the others need no gradient from here on.

        Raises InputError for a name that no weight begins with.
        """
        named, only = dict(self.model.named_parameters()), self.config.only
        for start in only:
            if not any(name.startswith(start) for name in named):
                raise InputError(
                    f"config: only names {start!r}, with which no weight begins; wanted e.g. denoiser.heads"
                )
        for name, parameter in named.items():
            parameter.requires_grad_(not only or name.startswith(only))
        return [parameter for parameter in named.values() if parameter.requires_grad]

    def _share(self, clips: list[Clip], shares: list[float]) -> None:
        """Scale the sampler's weights so that the sets are drawn by their configured shares."""
        if not self.config.data_share:
            return
        weights = self.sampler.weights
        sets = np.array([clip.name.split("/")[0] for clip in clips])
        for name in np.unique(sets):
            weights[sets == name] /= weights[sets == name].sum()
        self.sampler.weights = weights * np.array(shares)

    def _statistics(self) -> Normalisation:
        c = self.config
        batches = (
            self.sampler.draw(-1 - i, c.estimation, c.generation, max(c.frames)) for i in range(STATISTICS_BATCHES)
        )
        known = [batch.features[~(batch.only_2d | batch.local)].flatten(0, 1) for batch in batches]
        if not any(map(len, known)):
            raise InputError(
                "config: no clip in data holds its motion in the world, so nothing tells how large motions are; wanted "
                "some, or init=DIR of a run that had some"
            )
        return Normalisation.fit(torch.cat(known))

    def _start_from(self, checkpoint: Checkpoint) -> None:
        """Weights and normalisation of another run of the same network.  What only ours has, an innovation, stays new.

        Raises InputError for another network.
        """
        theirs, ours = checkpoint.model.config.to_json(), self.config.model.to_json()
        theirs["innovation"] |= ours["innovation"]
        different = {name: (theirs[name], value) for name, value in ours.items() if theirs[name] != value}
        if checkpoint.model.family != self.model.family:
            different["fusion"] = (checkpoint.model.family, self.model.family)
        if different:
            raise InputError(f"config: init is another network ({different}: there, here); wanted equal model settings")
        self.model.load_state_dict(self.model.state_dict() | checkpoint.model.state_dict())
        self.scales.unfold(self.model)
        self.average.load_state_dict(self.model.state_dict())
        self.normalisation = checkpoint.normalisation

    def _resume(self) -> None:
        state = read_state(self.folder / "state.pt", self.device)
        if "average" not in state:
            raise InputError(
                f"{self.folder}/state.pt is of an earlier genmo; to go on from its weights: init={self.folder} and "
                "another --out"
            )
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError):  # names or shapes of weights, their number
            raise InputError(
                f"{self.folder}/state.pt is of another network, or of a run that trained other weights of it; wanted "
                "the settings in its model.json, or another --out"
            ) from None
        self.average.load_state_dict(state["average"])
        self.normalisation = Normalisation(state["mean"], state["std"])
        self.scales = FeatureScales(state.get("scales", {}))  # those that the weights were trained with
        self.step, self.best = state["step"], state["best"]

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine to 2 % at the last step."""
        c = self.config
        if self.step < c.warmup:
            return c.learning_rate * (self.step + 1) / c.warmup
        done = min(1.0, (self.step - c.warmup) / max(c.steps - c.warmup, 1))
        return c.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def train_step(self, shards: list[Shard] | None = None) -> dict[str, float]:
        """One optimizer step on this process's shards of it (made here if not given); the mean loss terms."""
        shards = self.feed[self.step] if shards is None else shards
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.model.zero_grad(set_to_none=True)
        reports = [self._backward(shard.to(self.device)) for shard in shards]
        mean = torch.stack([torch.stack(list(terms.values())) for terms in reports]).double().mean(dim=0)
        report = self.processes.mean(dict(zip(reports[0], mean.tolist(), strict=True)))  # waits for the GPU, once
        if not math.isfinite(report["loss"]):
            raise InputError(
                f"loss is {report['loss']} at step {self.step}; lower learning_rate, or resume with bf16=false"
            )
        self.processes.sum_gradients(self.model)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        return {"loss": report.pop("loss"), "gradient_norm": norm.item()} | report

    def _backward(self, shard: Shard) -> dict[str, Tensor]:
        """Add the gradients of one shard's part of the step's mean loss; its loss terms."""
        batch = shard.batch
        torch.manual_seed(shard.seed)
        target = self._target(shard)
        x_t = noised(target, shard.timestep, shard.noise, batch.estimation)
        predicted = self._denoise(self.config.gram_dropout, batch, batch.conditions, x_t, shard.timestep)
        signal = signal_of(shard.timestep, batch.estimation)
        terms = losses(predicted, target, batch, signal, self.normalisation.undo, self.mesh)
        loss = total(terms)
        (loss / self.config.shards).backward()
        return {name: term.detach() for name, term in {"loss": loss, **terms}.items()}

    def _denoise(
        self, gram_dropout: float, batch: Batch, conditions: dict[str, Tensor], x_t: Tensor, timestep: Tensor
    ) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16) if self.config.bf16 else nullcontext():
            text_encoder = self.text_tokens or self.model.text_encoder
            assert text_encoder is not None
            scaled = self.scales.apply(conditions)
            inputs = model_inputs(self.model, text_encoder, batch, scaled, x_t, timestep, gram_dropout)
            return self.model.denoiser(inputs)["x_0"].float()

    @torch.no_grad()
    def _target(self, shard: Shard) -> Tensor:
        """The clean motion, normalised; for samples with 2D only, what the model itself estimates from all their
        keypoints (the pseudo-clean motion of equation 6)."""
        batch = shard.batch
        target = self.normalisation.apply(batch.features)
        if not batch.only_2d.any():
            return target
        last = torch.full_like(shard.timestep, schedule.STEPS - 1)
        pseudo = self._denoise(0.0, batch, batch.seen.conditions, torch.zeros_like(target), last)
        return torch.where(batch.only_2d[:, None, None], pseudo, target)

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights, faster while there is little history."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def run(self) -> None:
        """Train to the last step, logging, validating and saving on the way."""
        c, started = self.config, time.monotonic()
        sums: dict[str, float] = {}
        waited, since_log = 0.0, time.monotonic()
        first = self.step
        feed = self.feed.steps(first, c.steps)
        with tqdm(total=c.steps, initial=first, disable=None if self.processes.first else True, unit="step") as bar:
            while self.step < c.steps:
                asked = time.monotonic()
                shards = next(feed)
                waited += time.monotonic() - asked
                for name, value in self.train_step(shards).items():
                    sums[name] = sums.get(name, 0.0) + value
                bar.update()
                if not self.processes.first:
                    continue
                if self.step % 50 == 0 or self.step == c.steps:
                    since = (self.step - first) % 50 or min(50, self.step - first)
                    record: dict[str, Any] = {"step": self.step, "lr": self.learning_rate()}
                    record |= {name: round(value / since, 5) for name, value in sums.items()}
                    bar.set_postfix(loss=record["loss"])
                    passed = time.monotonic() - since_log
                    samples = since * c.shards * (c.estimation + c.generation)
                    record |= {
                        "seconds": round(time.monotonic() - started, 1),
                        "samples_a_second": round(samples / passed, 1),
                        "waiting_share": round(waited / passed, 3),
                    }
                    self._log(record)
                    sums, waited, since_log = {}, 0.0, time.monotonic()
                if self.held_out and (self.step % c.validate_every == 0 or self.step == c.steps):
                    self._validate()
                if self.step % c.save_every == 0 or self.step == c.steps:
                    self.save()

    def _validate(self) -> None:
        """Log the averaged model's errors on held-out people and draw what it makes; keep the best so far in `best`."""
        assert self.held_out is not None
        scores = validate(self.average.eval(), self.held_out, self.normalisation)
        self._log({"step": self.step, "validation": {name: round(score, 2) for name, score in scores.items()}})
        if scores["pa_mpjpe"] < self.best:
            self.best = scores["pa_mpjpe"]
            save_checkpoint(self.folder / "best", self.checkpoint())
        pictures = self.folder / "pictures"
        draw_samples(self.checkpoint(), self.picture_clips, pictures, self.step, self.text_tokens)

    def _log(self, record: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(record) + "\n")
        for name, value in (record | record.get("validation", {})).items():
            if isinstance(value, float):
                self.write_event(name, value, record["step"])

    def checkpoint(self) -> Checkpoint:
        """The averaged model as it is now."""
        settings = self.config.to_json()
        del settings["model"]  # model.json has it
        settings["data"] = [Path(folder).name for folder in self.config.data]
        for path in ("init", "text_model", "body"):
            settings[path] = Path(settings[path]).name
        model = self.scales.folded(self.average)
        return Checkpoint(model, self.normalisation, {"train": settings, "step": self.step})

    def save(self) -> None:
        """Write the averaged model, and the state to resume from: one file, so that a kill leaves one step's or the
        other's."""
        save_checkpoint(self.folder, self.checkpoint())
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "mean": self.normalisation.mean,
            "std": self.normalisation.std,
            "scales": self.scales.scales,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        write_aside(self.folder / "state.pt", lambda file: torch.save(state, file))


def _check(config: TrainConfig) -> None:
    """Raises InputError for settings that fit no training, before any data is read."""
    if config.model.text_encoder == "ngram" and config.text_model:
        raise InputError(
            "config: text_model with an n-gram table, which is trained along; wanted model.text_encoder=none with it"
        )
    if config.model.layout != "genmo":
        raise InputError("config: model.layout must be 'genmo': other layouts are for converted checkpoints")
    if not config.frames or not all(isinstance(n, int) and n >= 2 for n in config.frames):
        raise InputError(f"config: frames is {list(config.frames)}; wanted window lengths of at least 2")
    for field, known in (("objective", OBJECTIVES), ("fusion", tuple(FUSIONS))):
        if getattr(config, field) not in known:
            raise InputError(f"config: {field} is {getattr(config, field)!r}; wanted one of {', '.join(known)}")
    if config.objective == "regression" and config.generation:
        raise InputError(f"config: objective is regression and generation {config.generation}; wanted generation=0")
    least = {
        "steps": 1, "estimation": 0, "generation": 0, "warmup": 0, "validate_every": 1, "save_every": 1, "threads": 0,
        "workers": 0,
    }  # fmt: skip
    for field, lowest in least.items():
        if getattr(config, field) < lowest:
            raise InputError(f"config: {field} is {getattr(config, field)}; wanted at least {lowest}")
    if config.estimation + config.generation < 1:
        raise InputError("config: estimation and generation are 0; wanted at least one sample a step")
    if not (config.learning_rate > 0 and config.clip_norm > 0 and 0 <= config.ema < 1):
        raise InputError("config: wanted learning_rate and clip_norm above 0, and ema from 0 to below 1")


def _writable(folder: Path) -> None:
    """Raises InputError when the run's folder could not be made or written to; makes nothing."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "is no folder" if not there.is_dir() else "cannot be written to"
        raise InputError(f"--out {folder}: {there} {what}; choose another folder")


def _write_nothing(name: str, value: float, step: int) -> None:
    pass


def _event_writer(config: TrainConfig, folder: Path) -> Callable[[str, float, int], None]:
    if not config.tensorboard:
        return _write_nothing
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("config: tensorboard is not installed; pip install tensorboard or set it to false") from None
    return SummaryWriter(str(folder / "events")).add_scalar


def train(config: TrainConfig, folder: Path) -> None:
    """Run or resume training in `folder`.  Raises InputError for a config that cannot be trained."""
    Trainer(config, folder).run()


def measure(config: TrainConfig, folder: Path, seconds: float) -> dict[str, float]:
    """Samples a second of the loader alone and of training with it, each over about `seconds`; nothing is kept.

    `waiting_share` is the part of the training time spent waiting for batches: near 0, the model is never starved.
    Raises InputError for a config that cannot be trained.
    """
    trainer = Trainer(config, folder)
    alone = measure_feed(trainer.feed, 0, seconds)
    feed = trainer.feed.steps(0, 10**6)
    trainer.train_step(next(feed))  # the first step also compiles and allocates
    started, waited, first = time.monotonic(), 0.0, trainer.step
    while (passed := time.monotonic() - started) < seconds or trainer.step == first:
        asked = time.monotonic()
        shards = next(feed)
        waited += time.monotonic() - asked
        trainer.train_step(shards)
    samples = (trainer.step - first) * config.shards * (config.estimation + config.generation)
    return {
        "loader_alone_samples_a_second": round(alone["samples_a_second"], 1),
        "with_model_samples_a_second": round(samples / passed, 1),
        "waiting_share": round(waited / passed, 3),
        "workers": config.workers,
    }


__all__ = ["Trainer", "measure", "train"]
