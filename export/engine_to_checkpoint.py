"""An engine back into the checkpoint that it was made of, to train on from where it stands.

    python -m genmo.export.engine_to_checkpoint [ENGINE] --out CHECKPOINT

What `genmo.export.onnx.constant_folding` does can be undone: scales and channel orders are inverted, the null text is
solved for from the values that it has in every module, and the timestep's MLP, of which the engine keeps a table of
answers, is fitted to that table.  Where in a graph a weight lies is not written down anywhere: a network of random
weights is exported, and each of its folded arrays is looked up among the graph's initializers.  Of denoisers only
float32 engines of this network; engines of motion tokens of any precision (`genmo.export.token_unfolding`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from genmo.export.onnx.constant_folding import FoldedStep, fold, rotary_order
from genmo.export.onnx.graphs import export_graphs
from genmo.export.onnx.onnx_builder import Linear
from genmo.export.onnx.weight_locations import (
    WeightLookup,
    has_one_bias,
    network_of_distinct_weights,
    paired_arrays,
)
from genmo.export.token_unfolding import unfold_tokens
from genmo.runtime.engine.bundle import TOKENS, Engine, family_of, load_engine
from genmo.runtime.engine.graphs import GRAPHS
from genmo.runtime.engine.text_ngram import NgramTextEncoder
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import EngineError, InputError
from genmo.train.network.checkpoint import Checkpoint, Model, save_checkpoint
from genmo.train.network.denoiser import Denoiser
from genmo.train.network.ngram_table import GAIN, NgramTable
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import save_token_checkpoint

PROGRAM = "python -m genmo.export.engine_to_checkpoint"
TIME_ERROR = 5e-3
"""largest error of the fitted timestep MLP, as a share of the table's spread"""
TIME_ITERATIONS = 1000
"""of L-BFGS, at most, for that fit"""
TIME_STARTS = 4
"""draws of random weights from which that fit is tried, until one is near enough"""


def _scaled_weights(lookup: WeightLookup, folded: FoldedStep) -> dict[str, Tensor]:
    """The query, key and value layers, whose channels the step graph scales and reorders."""
    config = folded.config
    order = torch.from_numpy(rotary_order(config.width, config.heads))
    root = (config.width // config.heads) ** 0.5
    layers = {}
    for index, module in enumerate(folded.modules):
        assert module.text is not None  # this network reads texts
        for kind, layer in (("weight", 0), ("bias", 1)):
            qkv, q = (_parts(a)[layer] for a in (module.attention.qkv, module.text[0].q))
            stored = lookup.required(qkv, "attention")
            stored = (stored.mT if kind == "weight" else stored).contiguous()
            whole = torch.empty_like(stored)
            whole[order] = stored
            whole[: config.width] *= root
            layers[f"rope_blocks.{index}.attention.qkv.{kind}"] = whole
            read = lookup.required(q, "text")
            layers[f"text_blocks.{index}.attention.q.{kind}"] = root * (read.mT if kind == "weight" else read)
    return layers


def _parts(layer: Linear) -> tuple[Array, Array]:
    return layer.weight, layer.bias


def fit_time(denoiser: Denoiser, rows: Tensor) -> float:
    """Fit the timestep's MLP so that it and the condition projection give `rows` [1000, width]; the root mean square
    error that remains, as a share of the rows' spread."""
    whole = nn.Sequential(denoiser.time, denoiser.condition_in).double()
    bias = denoiser.condition_in.bias.detach()
    table = denoiser.timestep_table.double()
    optimizer = torch.optim.LBFGS(
        denoiser.time.parameters(),
        max_iter=TIME_ITERATIONS,
        history_size=50,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    spread = rows.std()

    def error() -> Tensor:
        return ((whole(table) - bias - rows) / spread).square().mean()

    def closure() -> float:
        optimizer.zero_grad()
        loss = error()
        loss.backward()
        return float(loss.item())

    optimizer.step(closure)
    remaining = math.sqrt(error().item())
    whole.float()
    return remaining


def find_time(denoiser: Denoiser, rows: Tensor) -> float:
    """`fit_time` from the same few random starts on every machine, the best of them kept; the error of that one.

    Whether L-BFGS ends near the table is a matter of where it begins: a quarter between starts is usual.
    """
    best, weights = math.inf, denoiser.time.state_dict()
    for start in range(TIME_STARTS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start)
            for layer in denoiser.time:
                if isinstance(layer, nn.Linear):
                    layer.reset_parameters()
        if (left := fit_time(denoiser, rows)) < best:
            best = left
            weights = {name: tensor.clone() for name, tensor in denoiser.time.state_dict().items()}
        if best <= TIME_ERROR:
            break
    denoiser.time.load_state_dict(weights)
    return best


def unfold(engine: Engine) -> Checkpoint:
    """The checkpoint of a float32 engine.  Raises EngineError for an engine of another precision or network."""
    precision = engine.description.get("precision")
    if precision != "fp32":
        raise EngineError(f"{engine.folder}: precision is {precision!r}; wanted an engine in fp32")
    paths = engine.denoiser
    stored = [onnx.load(path) for path in (paths.conditions, paths.texts, paths.step)]
    reference = network_of_distinct_weights(engine.config, has_one_bias(stored[0]))
    graphs = export_graphs(reference, profile=str(engine.description["profile"]))
    lookup = WeightLookup(paired_arrays([graphs[name] for name in GRAPHS], stored))
    folded = fold(reference)
    scaled = _scaled_weights(lookup, folded)
    encoder = engine.text_encoder
    model = Model(engine.config, table=encoder.table if isinstance(encoder, WordPieceTextEncoder) else None)
    for (name, parameter), theirs in zip(model.denoiser.named_parameters(), reference.parameters(), strict=True):
        if not name.startswith("time."):
            tensor = scaled.get(name)
            found = lookup.required(theirs.detach().numpy(), name) if tensor is None else tensor
            parameter.data = found.float()
    left = find_time(model.denoiser, lookup.required(folded.time, "the timestep table"))
    if left > TIME_ERROR:
        raise EngineError(f"{engine.folder}: the timestep's MLP was found to {left:.1e} only; wanted {TIME_ERROR}")
    if isinstance(encoder, NgramTextEncoder) and isinstance(model.text_encoder, NgramTable):
        model.text_encoder.table.weight.data = torch.from_numpy(encoder.table / GAIN)
    statistics = Normalisation(torch.from_numpy(engine.mean), torch.from_numpy(engine.std))
    provenance = dict(engine.description["provenance"])
    return Checkpoint(
        model.eval(),
        statistics,
        provenance,
        engine.known_prompts,
        engine.text_reader,
        engine.text_lengths,
        engine.examples,
    )


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and write the checkpoint.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description="Make the checkpoint that an engine was made of.")
    parser.add_argument("engine", nargs="?", help="engine folder; the one that ships with genmo if left out")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoint folder to write")
    args = parser.parse_args(arguments)
    out: Path = args.out
    if out.exists():
        raise InputError(f"{out} exists; wanted a new folder")
    if family_of(args.engine) == TOKENS:
        save_token_checkpoint(out, unfold_tokens(load_token_engine(args.engine)))
        print(f"{out}: train on with genmo-train tokens stage=3 init={out} --out DIR")
        return
    save_checkpoint(out, unfold(load_engine(args.engine)))
    print(f"{out}: train on with genmo-train CONFIG init={out} --out DIR")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="export")


if __name__ == "__main__":
    sys.exit(main())
