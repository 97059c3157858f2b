"""The text-motion evaluator: two encoders that bring a motion and its caption together, trained here, then fixed.

    python -m genmo.train.evaluation.text_motion_evaluator --data SET [--data SET] --out DIR \
        [--leave-out set/subject ...]

FID, R-precision, MM-Dist, Diversity and MultiModality are distances between its embeddings.  Numbers compare only under
the same evaluator: its hash goes with every table.  The one that is used where no other is named is SHIPPED; published
ones are read by `genmo.train.evaluation.guo_evaluator`, from weights that the user has.

Motions are seen on the mean body (a person's size is not the action), in the heading of each frame, at 30 fps.
Training is contrastive (InfoNCE both ways).  Captions repeat: a motion whose own captions include another's wording
is no wrong answer to it, and such pairs are left out of the loss; R-precision leaves them out of its pools.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_ngram import words_of
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_json, sha256
from genmo.train.data.augmentation import mirror, mirrored_caption
from genmo.train.data.batch_sampler import clip_weights
from genmo.train.datasets.clips import Clip, leg_length, split_clips
from genmo.train.datasets.read import read_clips
from genmo.train.metrics.sets import diversity, frechet_distance, mm_dist, multimodality, over_rounds, r_precision
from genmo.train.network.checkpoint import load_weights
from genmo.train.network.ngram_table import NgramTable

FORMAT = 1
PROGRAM = "python -m genmo.train.evaluation.text_motion_evaluator"
SHIPPED = Path(__file__).parents[1] / "evaluators" / "text_motion"
"""trained on the people that the shipped engine was trained on; `log.jsonl` beside it"""
LOG_EVERY = 50
FEATURES = 6 * JOINT_COUNT + 1
"""joints over the ground below the root, their velocities, and the turning speed"""
LONGEST = 120
"""frames of a motion that are looked at: the window that the model was trained on"""
SHORTEST = 24
TEXT = ModelConfig(text_width=128, text_tokens=32, text_buckets=8192, text_encoder="ngram")


def motion_features(rotations: Array, translation: Array, offsets: Array) -> npt.NDArray[np.float32]:
    """[frames, 145] of local rotations [frames, 24, 3, 3], pelvis [frames, 3] and rest offsets [24, 3].

    Metres, metres a second, radians a second, in the heading of the root; the body is the mean one, and the path is
    scaled with the legs.
    """
    mean = shape_space().mean
    path = translation * (leg_length(mean) / leg_length(offsets))
    joints = forward_kinematics(rotations, path, mean)[1]
    forward = rotations[:, 0, :, 2]
    yaw = np.unwrap(heading(forward))
    back = matrix_from_yaw(-yaw)[:, None]
    below = path * np.array([1.0, 0.0, 1.0])
    places = rotate(back, joints - below[:, None])
    speeds = rotate(back[:-1], np.diff(joints, axis=0) * FPS)
    turning = np.diff(yaw)[:, None] * FPS
    if len(yaw) == 1:
        speeds, turning = np.zeros((1, JOINT_COUNT, 3)), np.zeros((1, 1))
    else:  # the last frame repeats the step before it
        speeds, turning = np.concatenate([speeds, speeds[-1:]]), np.concatenate([turning, turning[-1:]])
    parts = [places.reshape(len(yaw), -1), speeds.reshape(len(yaw), -1), turning]
    return np.concatenate(parts, axis=1).astype(np.float32)


def features_of(motion: Clip | Motion) -> npt.NDArray[np.float32]:
    """Features of the middle LONGEST frames of a clip or a generated motion."""
    frames = min(motion.frames, LONGEST)
    part = slice((motion.frames - frames) // 2, (motion.frames - frames) // 2 + frames)
    offsets = motion.rest_offsets if isinstance(motion, Motion) else motion.offsets
    return motion_features(motion.rotations[part], motion.translation[part], offsets)


def wording(caption: str) -> str:
    """What makes two captions the same: their words, without case and punctuation."""
    return " ".join(words_of(caption))


def same_wording(captions: Sequence[str], clips: Sequence[Clip]) -> npt.NDArray[np.bool_]:
    """[n, m]: caption i is, word for word, one of the captions of clip j."""
    said = [{wording(caption) for caption in clip.captions} for clip in clips]
    return np.array([[wording(caption) in words for words in said] for caption in captions], bool)


class _Pooled(nn.Module):
    """Transformer layers over tokens, their masked mean, and a unit vector of it."""

    def __init__(self, width: int, heads: int, depth: int, embedding: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, embedding))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[batch, embedding] of tokens [batch, tokens, width] and mask [batch, tokens], 1 where there is one."""
        tokens = self.layers(tokens, src_key_padding_mask=mask == 0)
        mean = (tokens * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return functional.normalize(self.out(mean), dim=-1)


class TextMotion(nn.Module):
    """Both encoders.  Embeddings are unit vectors [.., 128], so distances lie between 0 and 2."""

    def __init__(self, width: int = 128, depth: int = 2, embedding: int = 128) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("std", torch.ones(FEATURES))
        self.shorten = nn.ModuleList(
            [nn.Conv1d(FEATURES, width, 4, stride=2, padding=1), nn.Conv1d(width, width, 4, stride=2, padding=1)]
        )
        self.motion = _Pooled(width, 4, depth, embedding)
        self.words = NgramTable(TEXT)
        self.text = _Pooled(TEXT.text_width, 4, 1, embedding)
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def encode_motions(self, motions: Sequence[npt.NDArray[np.float32]]) -> Tensor:
        """[batch, 128] of features [frames, 145] of any lengths from 1."""
        lengths = torch.tensor([len(features) for features in motions])
        frames = 4 * (-(-int(lengths.max()) // 4))
        padded = torch.zeros(len(motions), frames, FEATURES)
        for row, features in zip(padded, motions, strict=True):
            row[: len(features)] = (torch.from_numpy(features) - self.mean) / self.std
        tokens, mask = padded.mT, _mask(lengths, frames)
        for shorten in self.shorten:
            lengths = -(-lengths // 2)
            mask = _mask(lengths, tokens.shape[-1] // 2)
            # what the padding gives is cleared, so that a motion's embedding does not hang on its neighbours
            tokens = functional.gelu(shorten(tokens)) * mask[:, None]
        time = _positions(tokens.shape[-1], tokens.shape[1])
        return self.motion(tokens.mT + time, mask)

    def encode_texts(self, captions: Sequence[str], gram_dropout: float = 0.0) -> Tensor:
        """[batch, 128] of captions with at least a word each."""
        tokens, mask = self.words(list(captions), gram_dropout)
        return self.text(tokens, mask)


def _mask(lengths: Tensor, size: int) -> Tensor:
    return (torch.arange(size) < lengths[:, None]).float()


def _positions(count: int, width: int) -> Tensor:
    """Sinusoids [count, width]."""
    angle = torch.arange(count)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def contrastive_loss(texts: Tensor, motions: Tensor, same: Tensor, sharpness: Tensor) -> Tensor:
    """InfoNCE both ways (Radford et al. 2021) over unit vectors [n, d]; pairs with `same` [n, n] are not negatives."""
    logits = sharpness.clamp(0, 4.6).exp() * texts @ motions.mT
    own = torch.eye(len(texts), dtype=torch.bool)
    logits = logits.masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(texts))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.mT, target)) / 2


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A trained pair of encoders with the hash of its weights."""

    model: TextMotion
    sha256: str
    description: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def embed_motions(self, motions: Sequence[Clip | Motion], batch: int = 128) -> Array:
        """[n, 128] float64."""
        features = [features_of(motion) for motion in motions]
        parts = [self.model.encode_motions(features[i : i + batch]) for i in range(0, len(features), batch)]
        return torch.cat(parts).double().numpy()

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str]) -> Array:
        """[n, 128] float64."""
        return self.model.encode_texts(captions).double().numpy()


def save_evaluator(folder: str | Path, model: TextMotion, description: dict[str, Any]) -> str:
    """Write `weights.safetensors` (fp16) and `evaluator.json` into `folder`; the SHA-256 of the weights."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
    weights = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    data = safetensors.torch.save(weights)
    digest = hashlib.sha256(data).hexdigest()
    write_aside(folder / "weights.safetensors", data)
    index = {"format": FORMAT, "kind": "genmo text-motion evaluator", "sha256": digest, **description}
    write_aside(folder / "evaluator.json", json.dumps(index, indent=1) + "\n")
    return digest


def load_evaluator(folder: str | Path) -> Evaluator:
    """Read an evaluator; no code of it is run.  Raises InputError when it is not one or was altered."""
    folder = Path(folder)
    wanted = "wanted a folder that `python -m genmo.train.evaluation.text_motion_evaluator` wrote"
    try:
        index = read_json(folder / "evaluator.json", "the description of an evaluator")
        digest = sha256(folder / "weights.safetensors", "the weights of an evaluator")
        fits = (index["format"], index["sha256"]) == (FORMAT, digest)
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: {first_line(error)}; {wanted}") from None
    if not fits:
        raise InputError(f"{folder}: the weights are not those of evaluator.json (SHA-256 or format); {wanted}")
    model = TextMotion()
    load_weights(model, folder / "weights.safetensors")
    return Evaluator(model.eval(), digest, index)


# ---- training


@dataclass(frozen=True)
class Plan:
    """How an evaluator is trained."""

    steps: int = 3000
    batch: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


def usable(clips: Sequence[Clip]) -> list[Clip]:
    """Clips with a caption and enough frames."""
    return [clip for clip in clips if clip.captions and clip.frames >= SHORTEST]


def _silent(record: dict[str, float]) -> None:
    pass


def train(
    clips: Sequence[Clip],
    plan: Plan,
    progress: bool = False,
    log: Callable[[dict[str, float]], object] = _silent,
) -> TextMotion:
    """A model trained on the captioned clips; its weights are rounded to fp16, as they are stored.

    `log` is given the mean loss of every LOG_EVERY steps.  Raises InputError when there are fewer than two clips.
    """
    from tqdm import trange

    clips = usable(clips)
    if len(clips) < 2:
        raise InputError(f"{len(clips)} clips with captions and {SHORTEST} frames; wanted at least two to tell apart")
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    model = TextMotion()
    _normalise(model, clips, random)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.steps, pct_start=min(0.1, max(2 / plan.steps, 0.01))
    )
    weights = clip_weights(list(clips))
    weights = weights / weights.sum()
    bar = trange(plan.steps, desc="text-motion", disable=not progress)
    since: list[float] = []
    for step in bar:
        loss = _loss(model, clips, weights, min(plan.batch, len(clips)), random)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        since.append(loss.item())
        bar.set_postfix(loss=f"{since[-1]:.3f}", refresh=False)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == plan.steps:
            log({"step": step + 1, "loss": round(sum(since) / len(since), 4)})
            since = []
    return model.half().float().eval()


def _normalise(model: TextMotion, clips: Sequence[Clip], random: np.random.Generator) -> None:
    picks = random.choice(len(clips), min(len(clips), 400), replace=False)
    seen = np.concatenate([features_of(clips[i]) for i in picks])
    model.mean.copy_(torch.from_numpy(seen.mean(axis=0)))
    model.std.copy_(torch.from_numpy(np.maximum(seen.std(axis=0), 0.02)))


def _loss(model: TextMotion, clips: Sequence[Clip], weights: Array, batch: int, random: np.random.Generator) -> Tensor:
    """One batch: windows of different clips, half of them mirrored, each with one of its captions."""
    picked = [clips[i] for i in random.choice(len(clips), batch, replace=False, p=weights)]
    features, captions, said = [], [], []
    for clip in picked:
        frames = min(clip.frames, int(random.integers(SHORTEST * 2, LONGEST + 1)))
        start = int(random.integers(clip.frames - frames + 1))
        part = slice(start, start + frames)
        pose, path, offsets = clip.rotations[part], clip.translation[part], clip.offsets
        words = clip.captions
        if random.random() < 0.5:
            pose, path, offsets = mirror(pose, path, offsets)
            words = tuple(mirrored_caption(caption) for caption in words)
        features.append(motion_features(pose, path, offsets))
        captions.append(str(random.choice(words)))
        said.append({wording(caption) for caption in words})
    same = torch.tensor([[wording(caption) in words for words in said] for caption in captions])
    texts = model.encode_texts(captions, gram_dropout=0.15)
    return contrastive_loss(texts, model.encode_motions(features), same, model.sharpness)


# ---- the report


def text_motion_report(
    evaluator: Evaluator, real: Sequence[Clip], made: Sequence[Sequence[Motion]], *, pool: int = 32, seed: int = 0
) -> dict[str, Any]:
    """The text-to-motion table: generated motions beside the real ones of the same captions.

    `made[k][i]`: motion k made for the first caption of `real[i]`.  Values of `made` are means over k with 95 %
    intervals (a plain number for one k); MultiModality needs two.  FID's floor is that of two random halves of the
    real motions.  Raises InputError when counts differ or the captions are too few for the pool.
    """
    if not made or any(len(motions) != len(real) for motions in made):
        counts = ", ".join(str(len(motions)) for motions in made) or "none"
        raise InputError(f"{counts} generated motions for {len(real)} captions; wanted one a caption in each round")
    captions = [clip.captions[0] for clip in real]
    same = same_wording(captions, real)
    texts, truth = evaluator.embed_texts(captions), evaluator.embed_motions(real)
    rounds = [evaluator.embed_motions(motions) for motions in made]
    order = np.random.default_rng(seed).permutation(len(real))
    halves = truth[order[: len(real) // 2]], truth[order[len(real) // 2 :]]
    rows = [_row(texts, answer, truth, same, pool, seed) for answer in rounds]
    report: dict[str, Any] = {
        "evaluator": evaluator.sha256,
        "captions": len(real),
        "rounds": len(made),
        "real": _row(texts, truth, truth, same, pool, seed) | {"FID": frechet_distance(*halves)},
        "made": {name: over_rounds([row[name] for row in rows]) for name in rows[0]},
    }
    if len(rounds) > 1:
        report["made"]["MultiModality"] = multimodality(np.stack(rounds, axis=1))
    return report


def _row(
    texts: Array, motions: Array, truth: Array, same: npt.NDArray[np.bool_], pool: int, seed: int
) -> dict[str, float]:
    top = r_precision(texts, motions, same, pool=pool, seed=seed).mean(axis=0)
    return {
        "R@1": float(top[0]),
        "R@2": float(top[1]),
        "R@3": float(top[2]),
        "FID": frechet_distance(motions, truth),
        "MM-Dist": float(mm_dist(texts, motions).mean()),
        "Diversity": diversity(motions),
    }


def action_yardstick(
    evaluator: Evaluator, actions: Mapping[str, Sequence[Clip]], least: int = 12
) -> dict[str, Any] | None:
    """FID between the real clips of each two different actions: what a FID of generated motions is to be held against.

    Clips of two actions, and actions of fewer than `least` usable clips, are left out; None when fewer than two
    actions are left.
    """
    count: dict[str, int] = {}
    for clips in actions.values():
        for clip in clips:
            count[clip.name] = count.get(clip.name, 0) + 1
    own = {
        name: [clip for clip in clips if count[clip.name] == 1 and clip.frames >= SHORTEST]
        for name, clips in actions.items()
    }
    features = {name: evaluator.embed_motions(clips) for name, clips in own.items() if len(clips) >= max(least, 2)}
    if len(features) < 2:
        return None
    pairs = {
        f"{one} / {other}": frechet_distance(features[one], features[other])
        for one, other in itertools.combinations(features, 2)
    }
    nearest = min(pairs, key=lambda pair: pairs[pair])
    return {
        "actions": {name: len(own[name]) for name in features},
        "median": float(np.median(list(pairs.values()))),
        "least": pairs[nearest],
        "nearest": nearest,
    }


@dataclass(frozen=True)
class EvaluatorOptions:
    """What the command of this module was asked to do."""

    data: tuple[str, ...]
    out: Path
    leave_out: tuple[str, ...]
    plan: Plan


def read_options(arguments: Sequence[str] | None) -> EvaluatorOptions:
    """The options of the command line.  Raises InputError for a bad number."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="a motion set; repeatable")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the evaluator")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SET/SUBJECT", help="subjects to validate on")
    parser.add_argument("--steps", type=int, default=Plan.steps, help="training steps (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="motions a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.batch < 2:
        raise InputError(f"--steps {args.steps} --batch {args.batch}; wanted at least 1 step and 2 motions a step")
    plan = Plan(steps=args.steps, batch=args.batch, seed=args.seed)
    return EvaluatorOptions(tuple(args.data), args.out, tuple(args.leave_out), plan)


def run(options: EvaluatorOptions) -> None:
    """Train an evaluator, save it and print its description.  Raises GenmoError with the line for the user."""
    plan = options.plan
    clips = [clip for folder in options.data for clip in read_clips(folder)]
    kept, held_out = split_clips(clips, list(options.leave_out))
    log: list[str] = []
    model = train(kept, plan, sys.stderr.isatty(), lambda record: log.append(json.dumps(record)))
    description = {
        "data": sorted(Path(folder).name for folder in options.data),
        "left_out": sorted(options.leave_out),
        "clips": len(usable(kept)),
        "steps": plan.steps,
        "batch": plan.batch,
        "seed": plan.seed,
        "validation": _validation(model, usable(held_out)),
    }
    digest = save_evaluator(options.out, model, description)
    write_aside(options.out / "log.jsonl", "\n".join(log) + "\n")
    print(json.dumps(description | {"sha256": digest}, indent=1))


def _validation(model: TextMotion, clips: list[Clip]) -> dict[str, Any] | None:
    """R-precision and MM-Dist of real motions that were left out; None where they are too few for pools of 32."""
    captions = [clip.captions[0] for clip in clips]
    evaluator, same = Evaluator(model, ""), same_wording(captions, clips)
    if not clips or int((~same).sum(axis=1).min()) < 31:
        return None
    row = _row(evaluator.embed_texts(captions), truth := evaluator.embed_motions(clips), truth, same, 32, 0)
    return {"clips": len(clips)} | {name: round(row[name], 4) for name in ("R@1", "R@2", "R@3", "MM-Dist", "Diversity")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="train")


if __name__ == "__main__":
    sys.exit(main())
