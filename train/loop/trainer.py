"""The training loop: dual mode, 2D-only clips, bf16, EMA, exact resume, one process or many."""

from __future__ import annotations

import math
import shlex
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from genmo.runtime.denoiser import schedule
from genmo.runtime.engine.known_prompts import FILE as PROMPTS
from genmo.runtime.engine.known_prompts import read_known_prompts
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.train.data.batches import Batch
from genmo.train.data.feature_scale import FeatureScales
from genmo.train.data.load_sets import TrainingData, feature_widths, read_training_data, texts_from_outside
from genmo.train.data.seen_prompts import SeenPrompts
from genmo.train.data.step_stream import Feed, Shard, noised, signal_of
from genmo.train.data.t5_tokens import FOLDER as TEXTS
from genmo.train.data.t5_tokens import TextTokens, prompts_of, text_tokens
from genmo.train.geometry.mesh import read_mesh
from genmo.train.loop import distributed
from genmo.train.loop.config_checks import check_config, check_shards, check_writable
from genmo.train.loop.learning_rate import warmed_cosine
from genmo.train.loop.losses import losses, total
from genmo.train.loop.model_inputs import absent_conditions, given_frames, text_inputs
from genmo.train.loop.optimizer import make_optimizer
from genmo.train.loop.run_log import LOG_EVERY, RunLog, StepMeter
from genmo.train.loop.sample_pictures import draw_samples
from genmo.train.loop.validation import validate, validation_batch
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, read_state, save_checkpoint
from genmo.train.network.fusion import FUSIONS
from genmo.train.network.initial_weights import taken_weights
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.wordpiece_text import read_text_table
from genmo.train.settings.config import TrainConfig

STATISTICS_BATCHES = 40
BLOCKED = 400
"""frames of a window beyond which attention in blocks is cheaper, forward and backward on a CPU (`docs/log.md`)"""
VERTICES = 512
"""of a body, whose error is a loss"""


class Trainer:
    """One run in one folder: `weights.safetensors`, `model.json`, `state.pt`, `log.jsonl`."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        check_config(config)
        self.config, self.folder = config, folder
        if config.threads:
            torch.set_num_threads(config.threads)
        self.processes = distributed.join(config.device)
        self.device = self.processes.device
        check_shards(config.shards, self.processes.count)
        if self.processes.first:
            check_writable(folder)
        self.log = RunLog(config, folder, self.processes.first)
        torch.manual_seed(config.seed)
        data = read_training_data(config)
        self.sampler = data.sampler
        self.feed = Feed(self.sampler, config, self.processes.rank, self.processes.count)
        self.held_out = validation_batch(data.held_out).to(self.device) if data.held_out else None
        self.picture_clips = data.held_out
        self._make_models(data)
        self._choose_weights()
        self.optimizer = make_optimizer(config, self.model, fused=self.device.type == "cuda")
        self.seen_prompts = SeenPrompts()
        self.step = 0
        self.best = math.inf
        self.normalisation = self._first_state().to(self.device)
        if self.processes.first:
            folder.mkdir(parents=True, exist_ok=True)

    def _make_models(self, data: TrainingData) -> None:
        """The network and its average, and what they read and are compared with besides batches."""
        config = self.config
        table = read_text_table(config.model, config.text_table)
        self.model = Model(config.model, FUSIONS[config.fusion], table).to(self.device)
        self.average = Model(config.model, FUSIONS[config.fusion], table).to(self.device)
        self.average.load_state_dict(self.model.state_dict())
        self.model.denoiser.use_blocked_attention(max(config.frames) > BLOCKED)
        self.scales = FeatureScales.fit(data.clips, feature_widths(config)).to(self.device)
        self.mesh = read_mesh(config.body, VERTICES).to(self.device) if config.body else None
        self.text_tokens: TextTokens | None = None
        if texts_from_outside(config):
            prompts, first = prompts_of([*data.clips, *data.held_out]), self.processes.first
            tokens = text_tokens(config.text_model, prompts, config.model, self.folder / TEXTS, first, self.device)
            self.text_tokens = tokens.to(self.device)

    def _first_state(self) -> Normalisation:
        """Where the run begins, its own state, another run's weights or nothing; the normalisation of its features."""
        if (self.folder / "state.pt").is_file():
            return self._resume()
        if self.config.init:
            return self._start_from(load_checkpoint(self.config.init))
        return self._statistics()

    def _choose_weights(self) -> None:
        """Only the weights that `only` names, all if it names none, need a gradient from here on.

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

    def _statistics(self) -> Normalisation:
        c = self.config
        batches = (
            self.sampler.draw(-1 - i, c.estimation, c.generation, max(c.frames)) for i in range(STATISTICS_BATCHES)
        )
        in_world = [batch.features[~(batch.only_2d | batch.local)].flatten(0, 1) for batch in batches]
        if not any(map(len, in_world)):
            raise InputError(
                "config: no clip in data holds its motion in the world, so nothing tells how large motions are; wanted "
                "some, or init=DIR of a run that had some"
            )
        return Normalisation.fit(torch.cat(in_world))

    def _start_from(self, checkpoint: Checkpoint) -> Normalisation:
        """Take the weights of another run of the same network; its normalisation.

        What only ours has stays new: an innovation, the keyframes condition, and what reads texts where theirs has
        another text encoder.  Raises InputError for another network.
        """
        taken, new = taken_weights(checkpoint.model, self.model)
        if new and self.processes.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.log.write({"step": 0, "init": Path(self.config.init).name, "new_weights": new})
            print(
                f"init={self.config.init}: everything is taken over but {', '.join(new)}, which start anew",
                file=sys.stderr,
            )
        self.model.load_state_dict(self.model.state_dict() | taken)
        self.seen_prompts = SeenPrompts(checkpoint.known_prompts)
        self.scales.unfold(self.model)
        self.average.load_state_dict(self.model.state_dict())
        return checkpoint.normalisation

    def _resume(self) -> Normalisation:
        """Go on from `state.pt`; the run's normalisation.  Raises InputError for the state of another network."""
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
        self.scales = FeatureScales(state.get("scales", {}))  # those that the weights were trained with
        self.step, self.best = state["step"], state["best"]
        if (self.folder / PROMPTS).is_file():
            self.seen_prompts = SeenPrompts(read_known_prompts(self.folder / PROMPTS))
        return Normalisation(state["mean"], state["std"])

    def learning_rate(self) -> float:
        """That of the next step."""
        return warmed_cosine(self.step, self.config.steps, self.config.warmup, self.config.learning_rate)

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
        conditions = batch.conditions | given_frames(self.config.model, batch, target)
        predicted = self._denoise(self.config.text_dropout, batch, conditions, x_t, shard.timestep)
        signal = signal_of(shard.timestep, batch.estimation)
        terms = losses(predicted, target, batch, signal, self.normalisation.undo, self.mesh)
        loss = total(terms)
        (loss / self.config.shards).backward()
        return {name: term.detach() for name, term in {"loss": loss, **terms}.items()}

    def _denoise(
        self, text_dropout: float, batch: Batch, conditions: dict[str, Tensor], x_t: Tensor, timestep: Tensor
    ) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16) if self.config.bf16 else nullcontext():
            text_encoder = self.text_tokens or self.model.text_encoder
            assert text_encoder is not None
            scaled = self.scales.apply(conditions)
            prompts = [prompt for texts in batch.prompts for prompt in texts]
            self.seen_prompts.add(prompts)
            inputs = {"x_t": x_t, "timestep": timestep, **absent_conditions(self.config.model, scaled), **scaled}
            inputs |= text_inputs(batch, *text_encoder(prompts, text_dropout))
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
        pseudo = self._denoise(0.0, batch, batch.keypoints_2d.conditions, torch.zeros_like(target), last)
        return torch.where(batch.only_2d[:, None, None], pseudo, target)

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights, faster while there is little history."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def run(self) -> None:
        """Train to the last step, logging, validating and saving on the way."""
        c = self.config
        meter = StepMeter(c.shards * (c.estimation + c.generation))
        loss = math.nan
        feed = self.feed.steps(self.step, c.steps)
        disable = None if self.processes.first else True
        with tqdm(total=c.steps, initial=self.step, disable=disable, unit="step") as bar:
            while self.step < c.steps:
                requested = time.monotonic()
                shards = next(feed)
                waited = time.monotonic() - requested
                meter.add(self.train_step(shards), waited)
                bar.update()
                if not self.processes.first:
                    continue
                last = self.step == c.steps
                if self.step % LOG_EVERY == 0 or last:
                    record = meter.record()
                    loss = record["loss"]
                    bar.set_postfix(loss=loss)
                    self.log.write({"step": self.step, "lr": self.learning_rate()} | record)
                if self.held_out and (self.step % c.validate_every == 0 or last):
                    self._validate()
                if self.step % c.save_every == 0 or last:
                    self.save()
        if self.processes.first:
            print(self._farewell(loss))

    def _farewell(self, loss: float) -> str:
        """What the run came to, and what is usually done next."""
        reached = f", loss {loss:.3f}" if math.isfinite(loss) else ", which it had before"
        best = f", best PA-MPJPE on held-out people {self.best:.1f} mm" if math.isfinite(self.best) else ""
        run = shlex.quote(str(self.folder))
        engine = shlex.quote(f"{self.folder}-engine") if self.folder.name else "ENGINE"  # "." has no name
        return (
            f"{self.folder}: {self.step} steps{reached}{best}\n"
            f"next: genmo-export {run} --out {engine}, or more steps=... with the same --out"
        )

    def _validate(self) -> None:
        """Log the averaged model's errors on held-out people and draw what it makes; keep the best so far in `best`."""
        assert self.held_out is not None
        scores = validate(self.average.eval(), self.held_out, self.normalisation)
        self.log.write({"step": self.step, "validation": {name: round(score, 2) for name, score in scores.items()}})
        if scores["pa_mpjpe"] < self.best:
            self.best = scores["pa_mpjpe"]
            save_checkpoint(self.folder / "best", self.checkpoint())
        pictures = self.folder / "pictures"
        draw_samples(self.checkpoint(), self.picture_clips, pictures, self.step, self.text_tokens)

    def checkpoint(self) -> Checkpoint:
        """The averaged model as it is now."""
        settings = self.config.to_json()
        del settings["model"]  # model.json has it
        settings["data"] = [Path(folder).name for folder in self.config.data]
        for path in ("init", "text_model", "body"):
            settings[path] = Path(settings[path]).name
        model = self.scales.folded(self.average)
        provenance = {"train": settings, "step": self.step}
        return Checkpoint(model, self.normalisation, provenance, self.seen_prompts.known(self.model.text_encoder))

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


def train(config: TrainConfig, folder: Path) -> None:
    """Run or resume training in `folder`.  Raises InputError for a config that cannot be trained."""
    Trainer(config, folder).run()
