"""A checkpoint of motion tokens into an engine: freeze, prove, package, as `export.pipeline` does for denoisers."""

from __future__ import annotations

import json
import shlex
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genmo.export.model_card import CARD
from genmo.export.onnx.stored_weights import STORAGES
from genmo.export.onnx.token_graphs import write_token_graphs
from genmo.export.options import ExportOptions
from genmo.export.parity import GATES_MM
from genmo.export.text_tables import (
    described_encoder,
    write_examples,
    write_lengths,
    write_prompts,
    write_reader,
    write_table,
)
from genmo.export.token_card import token_card
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.engine.backends.token_graphs import TokenGraphs
from genmo.runtime.engine.bundle import FORMAT, TOKENS
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.engine.token_bundle import TokenEngine, describe_token_signature, load_token_engine
from genmo.runtime.motion.skeleton import forward_kinematics, shape_space
from genmo.runtime.motion.token_features import from_features
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.atomic_write import folders_above, put_folder
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.safe_read import read_json
from genmo.runtime.support.version import __version__
from genmo.runtime.tokens.config import FRAMES_A_TOKEN
from genmo.runtime.tokens.decoding import Mixture, guided
from genmo.train.network.masked_transformer import Texts
from genmo.train.network.token_model import FAMILY, TokenCheckpoint, load_token_checkpoint

LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy")
SAME_IDS = {"fp32": 0.999, "fp16": 0.98, "int8": 0.98}
"""share of the codes that engine and PyTorch must agree on, by precision; ties fall either way"""
LOGIT_GATES = {"fp32": 1e-3, "fp16": 0.02, "int8": 0.2}
"""of a likeliest code's logit and of the log of the sum over all: the largest difference in fp32, the mean in others"""
PROBES = 4
"""motions that are compared"""


class TokenParityError(GenmoError):
    """The engine differs from the PyTorch model by more than its gate."""

    exit_status = 1


def is_tokens(checkpoint: Path) -> bool:
    """Whether a folder is a checkpoint of motion tokens; nothing is said of what is none."""
    path = checkpoint / "model.json"
    if not path.is_file():
        return False
    try:
        described = read_json(path, "the description of a checkpoint", 2**24)
    except InputError:
        return False
    return isinstance(described, dict) and described.get("family") == FAMILY


def export_tokens(options: ExportOptions) -> Path:
    """Write the engine of a checkpoint to `options.out`, whole or not at all, and print its parity.

    Raises InputError for a bad checkpoint, place or option, TokenParityError when the engine is over its gate.
    """
    options.check()
    _check(options)
    checkpoint = load_token_checkpoint(options.checkpoint)
    out = options.out
    with folders_above(out), tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        described = describe(
            checkpoint, options, write_token_graphs(checkpoint.model, folder, STORAGES[options.precision])
        )
        write_table(checkpoint.model.text_encoder, folder)
        described |= write_prompts(checkpoint.known_prompts, folder)
        described |= write_lengths(checkpoint.text_lengths, folder)
        described |= write_reader(checkpoint.text_reader, folder) | write_examples(checkpoint.examples, folder)
        described["files"] = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
        _write(folder, described)
        described["parity"] = parity(checkpoint, load_token_engine(folder), options)
        (folder / CARD).write_text(token_card(described))
        described["files"][CARD] = file_hash(folder / CARD)
        _write(folder, described)
        load_token_engine(folder)
        put_folder(folder, out)
    return out


def _write(folder: Path, described: dict[str, Any]) -> None:
    (folder / "engine.json").write_text(json.dumps(described, indent=1) + "\n")


def _check(options: ExportOptions) -> None:
    """Raises InputError for what is asked of denoisers alone."""
    asked = {
        "--fuse-steps": options.fused_steps is not None,
        "--text-encoder": options.text_encoder is not None,
        "--profile": options.profile != "plain",
        "--statistics": options.statistics is not None,
        "--gravity": options.gravity is not None,
    }
    if options.precision not in STORAGES:
        raise InputError(f"--precision {options.precision} is for denoisers; wanted {', '.join(STORAGES)}")
    for name, given in asked.items():
        if given:
            raise InputError(f"{name} is for denoisers: leave it out")


def describe(checkpoint: TokenCheckpoint, options: ExportOptions, graphs: dict[str, str]) -> dict[str, Any]:
    """The contents of `engine.json`, less parity and files."""
    config, statistics = checkpoint.model.config, checkpoint.normalisation
    frames = checkpoint.provenance.get("train", {}).get("frames", [120])
    return {
        "format": FORMAT,
        "family": TOKENS,
        "model": config.to_json(),
        "layout": [list(block) for block in config.motion_layout.blocks],
        "normalisation": {"mean": decimals(statistics.mean.numpy()), "std": decimals(statistics.std.numpy())},
        "signature": describe_token_signature(config),
        "graphs": graphs,
        "longest": max(frames) // FRAMES_A_TOKEN,
        "text_encoder": described_encoder(checkpoint.model.text_encoder),
        "precision": options.precision,
        "provenance": checkpoint.provenance
        | {"versions": {"genmo": __version__} | {name: version(name) for name in LIBRARIES}},
        "licence": options.licence,
    }


def decimals(values: Array) -> list[float]:
    """float32 numbers as the shortest decimals that mean them: half of the bytes in JSON."""
    return [float(str(value)) for value in values.astype(np.float32)]


@torch.no_grad()
def parity(checkpoint: TokenCheckpoint, engine: TokenEngine, options: ExportOptions) -> dict[str, Any]:
    """Print and return how far engine and PyTorch are apart, on random motions, tokens, texts and masks.

    Raises TokenParityError over the gates: joints after decoding in millimetres, ids, logits.
    """
    model, config = checkpoint.model, engine.config
    graphs, random = TokenGraphs(engine, threads=1), np.random.default_rng(0)
    tokens = engine.longest
    features = random.standard_normal((PROBES, tokens * FRAMES_A_TOKEN, config.motion_layout.width)).astype(np.float32)
    ids = random.integers(config.codes, size=(PROBES, tokens, len(config.part_names)))
    same = float((graphs.encode(features) == model.vq.encode(torch.from_numpy(features)).numpy()).mean())
    pairs = graphs.decode(Mixture.of(ids)), model.vq.decode(torch.from_numpy(ids)).numpy()
    joints = [_joints(engine.normalisation, made) for made in pairs]
    away = 1000 * np.linalg.norm(joints[0] - joints[1], axis=-1)
    facts = {"same_ids": same, "mean_mm": float(away.mean()), "max_mm": float(away.max())}
    facts |= _logit_errors(checkpoint, graphs, ids, random)
    print("  ".join(f"{name} {value:.3g}" for name, value in facts.items()))
    precision = options.precision
    gate = options.allowed_error or GATES_MM[precision]["mean"]
    least, most = SAME_IDS[precision], LOGIT_GATES[precision]
    logits = facts["logits" if precision == "fp32" else "mean_logits"]
    if same < least or facts["mean_mm"] > gate or logits > most:
        raise TokenParityError(
            f"the engine is over its gates of {gate} mm, {least} equal ids or {most} of a logit; nothing was written"
        )
    return {"gate_mm": {"mean": gate}, "on": "random input", "rows": [facts]}


def _joints(normalisation: Normalisation, features: Array) -> Array:
    """World joints [batch, frames, 24, 3] of normalised features, each begun at the origin."""
    rotations, path, _ = from_features(normalisation.restored(features))
    return forward_kinematics(rotations, path, shape_space().mean)[1]


def _logit_errors(
    checkpoint: TokenCheckpoint, graphs: TokenGraphs, ids: Numbers, random: np.random.Generator
) -> dict[str, float]:
    """Of a likeliest code's logit, and of the log of the sum over all, under a text and guidance, half of the codes
    masked: the largest difference, and the mean one; and the share of places whose likeliest code is the same."""
    model, config = checkpoint.model, checkpoint.model.config
    assert model.transformer is not None
    hidden = np.where(random.random(ids.shape) < 0.5, config.mask_id, ids)
    given = np.concatenate([hidden, np.full_like(hidden[:, :1], config.end_id)], axis=1)
    rows = random.standard_normal((4, config.text_width)).astype(np.float32)
    texts, mask, mixture = guided(rows, np.ones(4, np.float32), len(ids), 2.0)
    likely = graphs(np.tile(given, (2, 1, 1)), texts, mask, mixture)
    both = Texts(torch.from_numpy(texts), torch.from_numpy(mask))
    logits = model.transformer(torch.from_numpy(np.tile(given, (2, 1, 1))), model.vq.codebook.codes, both)
    mixed = torch.einsum("ri,i...->r...", torch.from_numpy(mixture), logits)
    theirs = mixed.gather(-1, torch.from_numpy(likely.ids)).numpy()
    total = mixed.logsumexp(dim=-1).numpy()
    away, of_total = np.abs(likely.logits - theirs), np.abs(likely.total - total)
    same = mixed.argmax(dim=-1).numpy() == likely.ids[..., 0]
    return {
        "logits": float(max(away.max(), of_total.max())),
        "mean_logits": float(max(away.mean(), of_total.mean())),
        "same_likeliest": float(same.mean()),
    }


def next_commands(out: Path) -> str:
    """What to type after an export, ready to paste."""
    engine, folder = load_token_engine(out), shlex.quote(str(out))
    if engine.text_encoder is None:
        return f"  genmo-run --engine {folder} --keyframes KEYFRAMES.npz --out motion.html"
    return f'  genmo-run --engine {folder} --text "a person walks" --seconds 4 --out walk.html'
