"""What an engine says of itself: the metadata in its graphs, and MODEL_CARD.md.

Both are made of `engine.json`'s entries alone, so that they are the same whenever and wherever an export runs.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from genmo.runtime.motion.motion import FPS

CARD = "MODEL_CARD.md"


def notes(described: dict[str, Any]) -> dict[str, str]:
    """Metadata of every graph of an engine: plain text by name.

    `statistics_sha256` is the hash of the normalisation: arrays of another normalisation are not this engine's.
    """
    model = described["model"]
    statistics = json.dumps(described["normalisation"], sort_keys=True).encode()
    return {
        "name": "genmo",
        "version": described["provenance"]["versions"]["genmo"],
        "description": "human motion from video, keypoints, text, music and keyframes",
        "layout": model["layout"],
        "fps": f"{FPS:g}",
        "window": str(model["window"]),
        "precision": described["precision"],
        "profile": described["profile"],
        "predicts": described["schedule"]["predicts"],
        "schedule": f"{described['schedule']['kind']} {described['schedule']['steps']}",
        "statistics_sha256": hashlib.sha256(statistics).hexdigest(),
        "model": json.dumps(model, sort_keys=True),
        "licence": described["licence"],
    }


def card(described: dict[str, Any]) -> str:
    """The model card: Markdown that says what the engine is, from what, for what, and how true it is to its model."""
    sections = [
        _what(described),
        _inputs(described),
        data_section(described),
        _parity(described),
        limits_section(described),
    ]
    licence = ["## Licence", "", one_line(described["licence"])]
    return "\n".join("\n".join([*section, ""]) for section in (*sections, licence))


def _what(described: dict[str, Any]) -> list[str]:
    model, encoder = described["model"], described["text_encoder"]
    names = ", ".join(described["conditions"])
    texts = "none: token vectors come from outside" if encoder is None else one_line(encoder["about"])
    return [
        f"# A genmo engine: layout {model['layout']}, {described['precision']}",
        "",
        "A diffusion model of human motion (GENMO) as ONNX graphs: it estimates the motion that keypoints or video "
        "features show, and generates motion from texts, music and keyframes, in any mix.",
        "",
        "| | |",
        "|---|---|",
        f"| conditions | {names} |",
        f"| network | {model['depth']} modules, {model['width']} channels, {model['heads']} heads, "
        f"attention over {model['window']} frames, MLPs of {model['mlp_width']} |",
        f"| motion | layout {model['layout']}, {FPS:g} frames a second, y up, metres |",
        f"| sampler | {described['schedule']['kind']} schedule of {described['schedule']['steps']} steps, "
        f"predicts {described['schedule']['predicts']} |",
        f"| text encoder | {texts} |",
        *takes_rows(described),
        f"| precision, profile | {described['precision']}, {described['profile']} |",
        f"| made by | genmo {described['provenance']['versions']['genmo']} |",
    ]


def _inputs(described: dict[str, Any]) -> list[str]:
    lines = [
        "## Inputs and outputs",
        "",
        "Motions are normalised by the mean and spread in `engine.json`. The denoiser as a whole takes and answers "
        "these tensors; how they pass through the graphs is in the documentation of exporting.",
        "",
        "| | tensor | axes | type |",
        "|---|---|---|---|",
    ]
    for side in ("inputs", "outputs"):
        for spec in described["signature"][side]:
            axes = ", ".join(str(axis) for axis in spec["axes"])
            lines.append(f"| {side[:-1]} | `{spec['name']}` | {axes} | {spec['dtype']} |")
    return lines


def data_section(described: dict[str, Any]) -> list[str]:
    provenance = described["provenance"]
    train, source = provenance.get("train", {}), provenance.get("source")
    lines = ["## Where the weights come from", ""]
    if source is not None:
        lines.append(f"- converted from `{one_line(source['file'])}` ({source['family']}), SHA-256 {source['sha256']};")
    sets = [one_line(str(name)).replace("\\", "/").rstrip("/").split("/")[-1] for name in train.get("data", ())]
    if sets:
        shares = train.get("data_share") or [None] * len(sets)
        named = [name if share is None else f"{name} ({share:.0%})" for name, share in zip(sets, shares, strict=False)]
        lines.append(f"- trained on {', '.join(named)};")
    if train.get("validation_subjects"):
        lines.append(f"- people kept out of training: {', '.join(map(str, train['validation_subjects']))};")
    if "step" in provenance:
        lines.append(f"- {provenance['step']} training steps;")
    lines += [f"- {name}: {value:.4g};" for name, value in sorted(_metrics(provenance).items())]
    lines.append("- all settings and versions: `provenance` in `engine.json`.")
    return lines


def _metrics(provenance: dict[str, Any]) -> dict[str, float]:
    stored = provenance.get("metrics", {})
    return {name: value for name, value in stored.items() if isinstance(value, int | float)}


def _parity(described: dict[str, Any]) -> list[str]:
    parity = described["parity"]
    gate = ", ".join(f"{name} {limit} mm" for name, limit in parity["gate_mm"].items())
    lines = [
        "## Is it the model that was trained?",
        "",
        f"Joints of this engine against the fp32 PyTorch model, from the root, over all batches and numbers of texts. "
        f"Gate: {gate}. Compared on {parity['on']}.",
        "",
        "| frames | run | largest mean, mm | largest 99th percentile, mm | largest, mm |",
        "|---:|---|---:|---:|---:|",
    ]
    for frames, run in dict.fromkeys((row["frames"], row["run"]) for row in parity["rows"]):
        rows = [row for row in parity["rows"] if (row["frames"], row["run"]) == (frames, run)]
        worst = " | ".join(f"{max(row[f'{name}_mm'] for row in rows):.3g}" for name in ("mean", "p99", "max"))
        lines.append(f"| {frames} | {run} | {worst} |")
    return lines


def limits_section(described: dict[str, Any]) -> list[str]:
    return [
        "## What it is not for",
        "",
        "It knows the people and actions of its data and no others. It is no medical or biometric measurement, and a "
        "motion estimated from a recording is that person's: ask them.",
    ]


def one_line(text: str) -> str:
    """On one line, without what would break a table."""
    return " ".join(text.split()).replace("|", "/")


def takes_rows(described: dict[str, Any]) -> list[str]:
    """Rows on what takes are chosen by and start from, where the engine has it."""
    rows = {
        "text_reader": "| text reader | says which measures a text asks for, to choose among takes by |",
        "examples": "| examples | motions of what is done seldom, that a text finds and takes start from |",
    }
    return [row for entry, row in rows.items() if described.get(entry)]
