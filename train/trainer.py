"""The training loop: dual mode, bf16, EMA, exact resume."""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from genmo.runtime import schedule
from genmo.runtime.errors import InputError
from genmo.train.batches import Batch, Normalisation, Sampler
from genmo.train.checkpoint import Checkpoint, Model, load_checkpoint, save_checkpoint, write_aside
from genmo.train.config import TrainConfig
from genmo.train.datasets.clips import Clip, read_clips, split_clips
from genmo.train.loops import looped
from genmo.train.losses import losses, total
from genmo.train.validation import validate, validation_batch

STATISTICS_BATCHES = 40


def load_data(config: TrainConfig) -> tuple[list[Clip], list[Clip], list[float]]:
    """Training clips, validation clips and a weight a training clip's set."""
    if not config.data:
        raise InputError("config: data is empty; wanted at least one *30 motion set, e.g. data=[path/to/cmu30]")
    clips = [clip for folder in config.data for clip in read_clips(folder)]
    train, held_out = split_clips(clips, list(config.validation_subjects))
    if config.lengthen:
        train = [looped(clip, max(config.frames) * 3 // 2) for clip in train]
    shares = dict(zip((Path(folder).name for folder in config.data), config.data_share, strict=False))
    return train, held_out, [shares.get(clip.name.split("/")[0], 1.0) for clip in train]


def model_inputs(model: Model, batch: Batch, x_t: Tensor, timestep: Tensor, gram_dropout: float) -> dict[str, Tensor]:
    """The denoiser's inputs for a batch."""
    count = len(batch.prompts)
    assert model.text_encoder is not None
    flat = [prompt for prompts in batch.prompts for prompt in prompts]
    tokens, mask = model.text_encoder(flat, gram_dropout)
    return {
        "x_t": x_t,
        "timestep": timestep,
        **batch.conditions,
        "text_tokens": tokens.unflatten(0, (count, -1)),
        "text_token_mask": mask.unflatten(0, (count, -1)),
        "text_spans": batch.spans,
    }


class Trainer:
    """One run in one folder: `weights.safetensors`, `model.json`, `state.pt`, `log.jsonl`."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        if config.model.text_encoder != "ngram":
            raise InputError("config: model.text_encoder must be 'ngram': prompts have to be encoded while training")
        if config.model.layout != "genmo":
            raise InputError("config: model.layout must be 'genmo': other layouts are for converted checkpoints")
        if not config.frames or not all(isinstance(n, int) and n >= 2 for n in config.frames):
            raise InputError(f"config: frames is {list(config.frames)}; wanted window lengths of at least 2")
        self.config, self.folder = config, folder
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        train, held_out, shares = load_data(config)
        self.sampler = Sampler(train, config.variety, config.seed)
        self._share(train, shares)
        self.held_out = validation_batch(held_out) if held_out else None
        self.model = Model(config.model)
        self.average = Model(config.model)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        self.step = 0
        if (folder / "state.pt").is_file():
            self._resume()
        elif config.init:
            self._start_from(load_checkpoint(config.init))
        else:
            self.normalisation = self._statistics()
        folder.mkdir(parents=True, exist_ok=True)

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
        return Normalisation.fit(torch.cat([batch.features.flatten(0, 1) for batch in batches]))

    def _start_from(self, checkpoint: Checkpoint) -> None:
        """Weights and normalisation of another run of the same network.  Raises InputError for another network."""
        theirs, ours = checkpoint.model.config.to_json(), self.config.model.to_json()
        different = {name: (theirs[name], value) for name, value in ours.items() if theirs[name] != value}
        if different:
            raise InputError(f"config: init is another network ({different}: there, here); wanted equal model settings")
        self.model.load_state_dict(checkpoint.model.state_dict())
        self.average.load_state_dict(checkpoint.model.state_dict())
        self.normalisation = checkpoint.normalisation

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        saved = load_checkpoint(self.folder)
        self.average.load_state_dict(saved.model.state_dict())
        self.normalisation = saved.normalisation

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine to 2 % at the last step."""
        c = self.config
        if self.step < c.warmup:
            return c.learning_rate * (self.step + 1) / c.warmup
        done = min(1.0, (self.step - c.warmup) / max(c.steps - c.warmup, 1))
        return c.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def train_step(self) -> dict[str, float]:
        """One optimizer step; the loss terms."""
        c = self.config
        torch.manual_seed(c.seed * 1_000_003 + self.step)
        random = np.random.default_rng((c.seed, self.step, 1))
        batch = self.sampler.draw(self.step, c.estimation, c.generation, int(random.choice(c.frames)))
        target = self.normalisation.apply(batch.features)
        timestep, x_t = noised(target, batch.estimation)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        with torch.autocast("cpu", torch.bfloat16) if c.bf16 else nullcontext():
            inputs = model_inputs(self.model, batch, x_t, timestep, c.gram_dropout)
            predicted = self.model.denoiser(inputs)["x_0"]
        terms = losses(predicted.float(), target, batch, self.normalisation.undo)
        loss = total(terms)
        if not loss.isfinite():
            raise InputError(
                f"loss is {loss.item()} at step {self.step}; lower learning_rate, or resume with bf16=false"
            )
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), c.clip_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        report = {"loss": loss.item(), "gradient_norm": norm.item()}
        return report | {name: term.item() for name, term in terms.items()}

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights, faster while there is little history."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
        for mean, now in pairs:
            mean.lerp_(now, 1 - keep)

    def run(self) -> None:
        """Train to the last step, logging, validating and saving on the way."""
        c, started = self.config, time.monotonic()
        sums: dict[str, float] = {}
        first = self.step
        with tqdm(total=c.steps, initial=self.step, disable=None, unit="step") as bar:
            while self.step < c.steps:
                for name, value in self.train_step().items():
                    sums[name] = sums.get(name, 0.0) + value
                bar.update()
                if self.step % 50 == 0 or self.step == c.steps:
                    since = (self.step - first) % 50 or min(50, self.step - first)
                    record: dict[str, Any] = {"step": self.step, "lr": self.learning_rate()}
                    record |= {name: round(value / since, 5) for name, value in sums.items()}
                    bar.set_postfix(loss=record["loss"])
                    self._log(record | {"seconds": round(time.monotonic() - started, 1)})
                    sums = {}
                if self.held_out and (self.step % c.validate_every == 0 or self.step == c.steps):
                    scores = validate(self.average.eval(), self.held_out, self.normalisation)
                    self._log({"step": self.step, "validation": {k: round(v, 2) for k, v in scores.items()}})
                if self.step % c.save_every == 0 or self.step == c.steps:
                    self.save()

    def _log(self, record: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(record) + "\n")

    def save(self) -> None:
        """Write the averaged model, and the state to resume from."""
        settings = self.config.to_json()
        del settings["model"]  # model.json has it
        settings["data"] = [Path(folder).name for folder in self.config.data]
        settings["init"] = Path(self.config.init).name
        provenance = {"train": settings, "step": self.step}
        save_checkpoint(self.folder, Checkpoint(self.average, self.normalisation, provenance))
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step}
        write_aside(self.folder / "state.pt", lambda path: torch.save(state, path))


def noised(target: Tensor, estimation: int) -> tuple[Tensor, Tensor]:
    """Timesteps [batch] and inputs x_t: zeros at the last timestep for the first `estimation` samples (equation 5),
    the target noised to a random timestep for the others (equation 4).

    The density rises with the timestep to the power 2/3: neighbouring frames share so much that much of a motion shows
    through noise that would hide independent numbers, and what it shall be is decided early.
    """
    levels = torch.tensor(schedule.alphas_cumprod(), dtype=torch.float32)
    timestep = (schedule.STEPS * torch.rand(len(target)) ** 0.6).long()
    timestep[:estimation] = schedule.STEPS - 1
    level = levels[timestep][:, None, None]
    x_t = level.sqrt() * target + (1 - level).sqrt() * torch.randn_like(target)
    x_t[:estimation] = 0
    return timestep, x_t


def train(config: TrainConfig, folder: Path) -> None:
    """Run or resume training in `folder`."""
    Trainer(config, folder).run()


__all__ = ["Trainer", "noised", "train"]
