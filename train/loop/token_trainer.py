"""The training loop of GenM3: one stage a run, exact resume, the averaged weights kept.

Each run's folder has what a denoiser's has: `weights.safetensors`, `model.json`, `state.pt`, `log.jsonl`, `best`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.train.loop import distributed
from genmo.train.loop.config_checks import check_writable
from genmo.train.loop.learning_rate import warmed_cosine
from genmo.train.loop.optimizer import make_optimizer
from genmo.train.loop.run_log import LOG_EVERY, RunLog, StepMeter
from genmo.train.loop.token_stages import begin
from genmo.train.network.checkpoint import examples_beside, lengths_beside, read_state, reader_beside
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenCheckpoint, save_token_checkpoint
from genmo.train.settings.token_config import TokenTrainConfig

BETAS = (0.9, 0.99)


class TokenTrainer:
    """One run of one stage in one folder."""

    def __init__(self, config: TokenTrainConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        if config.threads:
            torch.set_num_threads(config.threads)
        processes = distributed.join(config.device)
        if processes.count > 1:
            raise InputError("tokens train in one process (batches cost next to nothing); wanted genmo-train alone")
        self.device = processes.device
        check_writable(folder)
        torch.manual_seed(config.seed)
        self.started = begin(config, folder, self.device)
        self.stage, self.model = self.started.stage, self.started.model
        self.average = copy.deepcopy(self.model)
        self.optimizer = make_optimizer(config, self.model, self.device.type == "cuda", BETAS)
        self.step, self.best = 0, math.inf
        folder.mkdir(parents=True, exist_ok=True)
        self.log = RunLog(config, folder, True)
        resumes = (folder / "state.pt").is_file()
        self.normalisation = self._resume() if resumes else self.started.normalisation

    def _resume(self) -> Normalisation:
        """Go on from `state.pt`; the run's normalisation.  Raises InputError for the state of another network."""
        state = read_state(self.folder / "state.pt", self.device)
        try:
            if state["stage"] != self.config.stage:
                raise ValueError
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError):  # names or shapes of weights, another family or stage
            raise InputError(
                f"{self.folder}/state.pt is of another network or stage; wanted the settings in its model.json, or "
                "another --out"
            ) from None
        self.step, self.best = state["step"], state["best"]
        return Normalisation(state["mean"], state["std"])

    def train_step(self) -> dict[str, float]:
        """One optimizer step; the loss and its terms."""
        c = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = warmed_cosine(self.step, c.steps, c.warmup, c.learning_rate)
        batch = self.stage.batch(self.step).to(self.device)
        torch.manual_seed(2**32 * c.seed + self.step)  # what is random inside the network
        self.model.train().zero_grad(set_to_none=True)
        terms = self.stage.losses(self.model, batch, self.normalisation)
        loss = torch.stack(list(terms.values())).sum()
        if not loss.isfinite():
            raise InputError(
                f"loss is {loss.item()} at step {self.step}; lower learning_rate, or resume with bf16=false"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), c.clip_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        return {"loss": loss.item()} | {name: term.item() for name, term in terms.items()}

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights, faster while there is little history; the codebook as it is."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
        for ours, theirs in zip(self.average.buffers(), self.model.buffers(), strict=True):
            ours.copy_(theirs)

    def run(self) -> None:
        """Train to the last step, logging, validating and saving on the way."""
        c, meter = self.config, StepMeter(self.config.batch)
        with tqdm(total=c.steps, initial=self.step, unit="step") as bar:
            while self.step < c.steps:
                meter.add(self.train_step(), waited=0.0)
                bar.update()
                last = self.step == c.steps
                if self.step % LOG_EVERY == 0 or last:
                    record = meter.record()
                    bar.set_postfix(loss=record["loss"])
                    self.log.write({"step": self.step} | record)
                if self.step % c.validate_every == 0 or last:
                    self._validate()
                if self.step % c.save_every == 0 or last:
                    self.save()

    def _validate(self) -> None:
        """Log the averaged model's scores; keep the best on held-out people in `best`."""
        scores = self.stage.scores(self.average.eval(), self.normalisation)
        self.log.write({"step": self.step, "validation": {name: round(score, 3) for name, score in scores.items()}})
        score = scores.get(self.stage.selects, math.inf)
        if score < self.best:
            self.best = score
            save_token_checkpoint(self.folder / "best", self.checkpoint())

    def checkpoint(self) -> TokenCheckpoint:
        """The averaged model as it is now."""
        settings = self.config.to_json()
        del settings["model"]  # model.json has it
        settings["data"] = [Path(folder).name for folder in self.config.data]
        settings["init"] = Path(settings["init"]).name
        provenance = {"train": settings, "step": self.step, "before": self.started.before}
        plain = TokenCheckpoint(self.average, self.normalisation, provenance, self.started.known_prompts)
        if self.config.stage < 3:
            return plain
        table, encoder = self.started.table, self.average.text_encoder
        lengths, reader = lengths_beside(table, encoder), reader_beside(table, encoder)
        return replace(plain, text_lengths=lengths, text_reader=reader, examples=examples_beside(table))

    def save(self) -> None:
        """Write the averaged model, and the state to resume from."""
        save_token_checkpoint(self.folder, self.checkpoint())
        state = {
            "stage": self.config.stage,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.normalisation.mean,
            "std": self.normalisation.std,
            "step": self.step,
            "best": self.best,
        }
        write_aside(self.folder / "state.pt", lambda file: torch.save(state, file))


def train_tokens(config: TokenTrainConfig, folder: Path) -> None:
    """Run or resume a stage in `folder`.  Raises InputError for a config that cannot be trained."""
    TokenTrainer(config, folder).run()
