"""genmo-export CHECKPOINT --out ENGINE: freeze, prove, package."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from genmo.export.onnx_export import export_denoiser, write_onnx
from genmo.export.parity import GATES_MM, parity, passes, table
from genmo.runtime.__main__ import OneLineParser
from genmo.runtime.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine import FORMAT, NGRAM_SCHEME, describe_signature, file_hash, load_engine
from genmo.runtime.errors import GenmoError, InputError
from genmo.runtime.schedule import STEPS
from genmo.train.checkpoint import Checkpoint, load_checkpoint
from genmo.train.datasets.clips import read_clips
from genmo.train.validation import FRAMES, validation_batch

PROGRAM = "genmo-export"
GRAPH = "denoiser.onnx"
TABLE = "text_encoder.npy"
DEFAULT_LICENCE = "unstated: say with --licence what the training data allows"


class ParityError(GenmoError):
    """The engine differs from the PyTorch model by more than its gate."""


def describe(checkpoint: Checkpoint, folder: Path, rows: list[dict[str, Any]], licence: str) -> dict[str, Any]:
    """The contents of `engine.json` for the files in `folder`."""
    config = checkpoint.model.config
    encoder = {
        "kind": NGRAM_SCHEME,
        "file": TABLE,
        "about": "table of hashed character n-grams (3 to 5 letters and whole words), trained with the denoiser; "
        "open vocabulary, English captions",
    }
    trained = [name for name in ("video", "music") if getattr(config, f"{name}_width")]
    return {
        "format": FORMAT,
        "model": config.to_json(),
        "layout": [list(block) for block in config.motion_layout.blocks],
        "normalisation": {
            "mean": checkpoint.normalisation.mean.tolist(),
            "std": checkpoint.normalisation.std.tolist(),
        },
        "signature": describe_signature(config),
        "schedule": {"kind": "cosine", "steps": STEPS, "predicts": "x_0"},
        "conditions": ["text", "keypoints", "bounding_box", "camera", *trained],
        "text_encoder": encoder if config.text_encoder == "ngram" else None,
        "precision": "fp32",
        "denoiser": GRAPH,
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "parity": {"gate_mm": GATES_MM["fp32"], "rows": rows},
        "provenance": checkpoint.provenance
        | {
            "versions": {
                name: version(name) for name in ("genmo", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")
            }
        },
        "licence": licence,
    }


def real_motion(data: str | None) -> dict[str, np.ndarray]:
    """Conditions of real clips [n, frames, ...] for the parity report; none without data."""
    if data is None:
        return {}
    clips = [clip for clip in read_clips(data) if clip.frames >= FRAMES]
    if not clips:
        raise InputError(f"{data}: no clip has {FRAMES} frames; wanted motion to compare on")
    return {name: tensor.numpy() for name, tensor in validation_batch(clips, limit=16).conditions.items()}


def export(checkpoint_folder: Path, out: Path, data: str | None, licence: str) -> Path:
    """Write the engine of a checkpoint to `out`, whole or not at all, and print its parity table.

    Raises InputError for a bad checkpoint or place, ParityError when the engine is over its gate.
    """
    if out.exists() and not (out / "engine.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: exists and is no engine; wanted a new folder or an engine to replace")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.absolute().parent}; make it first")
    checkpoint = load_checkpoint(checkpoint_folder)
    config = checkpoint.model.config
    motion = real_motion(data)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        write_onnx(export_denoiser(checkpoint.model.denoiser), folder / GRAPH)
        if checkpoint.model.text_encoder is not None:
            np.save(folder / TABLE, checkpoint.model.text_encoder.vectors.detach().numpy().astype(np.float32))
        rows = parity(checkpoint, OnnxRuntimeDenoiser(folder / GRAPH, config), motion)
        print(table(rows))
        if not passes(rows, "fp32"):
            raise ParityError(f"the engine is over its gate of {GATES_MM['fp32']['mean']} mm; nothing was written")
        described = describe(checkpoint, folder, rows, licence)
        (folder / "engine.json").write_text(json.dumps(described, indent=1) + "\n")
        load_engine(folder)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return out


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 over the parity gate, 2 bad input (one line on stderr)."""
    options = OneLineParser(
        prog=PROGRAM, description="Freeze a checkpoint into an engine and prove that it is the same."
    )
    options.add_argument("checkpoint", type=Path, help="folder with model.json and weights.safetensors")
    options.add_argument("--out", type=Path, required=True, metavar="ENGINE", help="engine folder to write")
    options.add_argument(
        "--data", metavar="SET", help="a *30 motion set: compare on its motion (default: random input)"
    )
    options.add_argument("--licence", default=DEFAULT_LICENCE, help="what the engine may be used for")
    args = options.parse_args(arguments)
    try:
        out = export(args.checkpoint, args.out, args.data, args.licence)
    except ParityError as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 1
    except GenmoError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f'wrote {out}\nnext:\n  genmo-run --engine {out} --text "a person walks" --seconds 4 --out walk.html')
    return 0


if __name__ == "__main__":
    sys.exit(main())
