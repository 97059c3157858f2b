"""Where libgenmo finds an engine's weights, added to engines that were exported without it.

    python -m genmo.export.native_table ENGINE

`genmo-export` writes the table "native" into engine.json by itself.  Wherever one is written and libgenmo is here, its
answers are compared with those of ONNX Runtime first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.export.onnx.graphs import example_inputs
from genmo.export.onnx.weight_locations import native_table_of_engine
from genmo.export.piece_hashes import piece_hashes, read_by_native
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.backends.native import NativeDenoiser
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support import native
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import EngineError

PROGRAM = "python -m genmo.export.native_table"
LARGEST = 2e-5
"""difference of the two libraries' answers, as a share of their largest number or of 1"""
CASES = (
    {"batch": 1, "frames": 120, "texts": 1},
    {"batch": 2, "frames": 121, "texts": 2},
    {"batch": 3, "frames": 2, "texts": 1},
)


def check_native(graphs: Graphs, config: ModelConfig) -> float:
    """The largest difference between libgenmo's answers and ONNX Runtime's, as a share of the largest number or of 1.

    Raises EngineError when it is over LARGEST, BackendError without libgenmo or ONNX Runtime."""
    random, worst = np.random.default_rng(0), 0.0
    ours, theirs = NativeDenoiser(graphs, config, threads=1), OnnxRuntimeDenoiser(graphs, config, threads=1)
    for sizes in CASES:
        inputs = example_inputs(config, random, **sizes)
        answered = ours(inputs)
        for name, expected in theirs(inputs).items():
            off = np.abs(answered[name] - expected).max() / max(np.abs(expected).max(), 1.0)
            worst = max(worst, float(off)) if np.isfinite(off) else np.inf
    if worst > LARGEST:
        raise EngineError(
            f"{graphs.step.parent}: libgenmo differs from ONNX Runtime by {worst:.1e}; wanted {LARGEST:.0e} at most. "
            "This genmo's kernels do not run this network; nothing was written"
        )
    return worst


def add_table(folder: Path) -> float | None:
    """Write the table of an engine into its engine.json; what `check_native` measured, None without libgenmo.

    Raises EngineError for an engine of another precision or network."""
    engine = load_engine(folder)
    precision = engine.description.get("precision")
    if precision != "fp32":
        raise EngineError(f"{folder}: its precision is {precision}; wanted an fp32 engine")
    graphs = engine.denoiser
    table = native_table_of_engine(engine.config, str(engine.description["profile"]), graphs)
    read = read_by_native(table, engine.description["text_encoder"])
    table |= {"pieces": piece_hashes(folder, read)}
    measured = None if native.library() is None else check_native(replace(graphs, native=table), engine.config)
    write_aside(folder / "engine.json", json.dumps(engine.description | {"native": table}, indent=1) + "\n")
    return measured


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and write the tables.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description="Tell libgenmo where the weights of an engine lie.")
    parser.add_argument("engines", nargs="+", type=Path, metavar="ENGINE", help="engine folder")
    for folder in parser.parse_args(arguments).engines:
        measured = add_table(folder)
        compared = native.description() if measured is None else f"at most {measured:.1e} from ONNX Runtime"
        print(f'{folder}/engine.json: table "native" written ({compared})')


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="export")


if __name__ == "__main__":
    sys.exit(main())
