"""An engine of motion tokens back into the checkpoint that it was made of; `engine_to_checkpoint` is the command.

Weights are stored in 8 or 16 bits, or as they are; here they are float32 again, so nothing but that rounding is lost.
Where in a graph a weight lies is not written down: a network in which no two weights are alike is written by the same
code, and both are walked node by node.  Three things were computed when the engine was written and are undone here:

- the kernels of an expert convolution are one kernel: every expert gets the same share of it;
- codes have gone through the layer that reads them: the layer is solved for by least squares, then what stands for
  masked, end and padding through it;
- the bias of that layer holds the vector of motion's tokens, which is zero here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from genmo.export.onnx.stored_weights import STORAGES, unpacked
from genmo.export.onnx.token_graphs import write_token_graphs
from genmo.export.onnx.weight_locations import WeightLookup
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder
from genmo.runtime.engine.token_bundle import TokenEngine
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.masked_transformer import MaskedTransformer, Pathways
from genmo.train.network.mevq import ExpertConv, MotionVQ
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenCheckpoint, TokenModel

STAGE = 3


def unfold_tokens(engine: TokenEngine) -> TokenCheckpoint:
    """The checkpoint of stage 3 of an engine.  Raises EngineError for graphs that this genmo writes otherwise."""
    if engine.config.codes < engine.config.code_width:
        raise EngineError(f"{engine.folder}: fewer codes than channels of one, which tell too little of their layer")
    encoder = engine.text_encoder
    table = encoder.table if isinstance(encoder, WordPieceTextEncoder) else None
    reference, model = (TokenModel(engine.config, STAGE, table) for _ in range(2))
    _make_distinct(reference)
    lookup = WeightLookup(_paired_constants(reference, engine))
    _read_vq(model.vq, reference.vq, lookup)
    assert model.transformer is not None and reference.transformer is not None
    codes = model.vq.codebook.codes
    _read_transformer(model.transformer, reference.transformer, lookup)
    _solve_table(model.transformer, codes, _table_of(reference, lookup), engine.config)
    statistics = Normalisation(torch.from_numpy(engine.mean), torch.from_numpy(engine.std))
    provenance = dict(engine.description["provenance"])
    return TokenCheckpoint(
        model.eval(),
        statistics,
        provenance,
        engine.known_prompts,
        engine.text_lengths,
        engine.text_reader,
        engine.examples,
    )


def _make_distinct(model: TokenModel) -> None:
    """Random numbers for all weights and codes."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    codes = model.vq.codebook.codes
    codes.copy_(torch.randn(codes.shape, generator=generator))


def _paired_constants(reference: TokenModel, engine: TokenEngine) -> Iterator[tuple[Array, Array]]:
    """The float32 constants of the reference's graphs and of the engine's, use by use."""
    with tempfile.TemporaryDirectory() as folder:
        names = write_token_graphs(reference, Path(folder), STORAGES["fp32"])
        for name in TOKEN_GRAPHS:
            models = (onnx.load(Path(folder) / names[name]), unpacked(onnx.load(engine.graphs[name])))
            ours, theirs = (list(_constants_in_order(model)) for model in models)
            if [array.shape for array in ours] != [array.shape for array in theirs]:
                raise EngineError(f"{engine.folder}: {name}.onnx is not as this genmo writes it; export it again")
            yield from zip(ours, theirs, strict=True)


def _constants_in_order(model: onnx.ModelProto) -> Iterator[Array]:
    """The float32 constants that the nodes take, in order; one that several take several times."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        for name in node.input:
            if name in constants and constants[name].dtype == np.float32:
                yield constants[name]


def _read_vq(vq: MotionVQ, reference: MotionVQ, lookup: WeightLookup) -> None:
    """Convolutions and codes.  Running counts are even: an engine holds none, and only stage 1 asks for them."""
    for ours, theirs in zip(vq.modules(), reference.modules(), strict=True):
        if isinstance(ours, ExpertConv) and isinstance(theirs, ExpertConv):
            folded = [lookup.required(_array(tensor), "an expert convolution") for tensor in theirs.folded()]
            assert ours.share is not None
            whole = ours.share.sum().item()
            ours.weight.data = (folded[0] / whole).float().expand_as(ours.weight).clone()
            ours.bias.data = (folded[1] / whole).float().expand_as(ours.bias).clone()
        elif isinstance(ours, nn.Conv1d):
            _read_module(ours, theirs, lookup)
    book = vq.codebook
    scaled = lookup.required(_array(-2 * reference.codebook.codes.mT), "the codes")
    book.codes.copy_((scaled.mT / -2).float())
    book.sums.copy_(book.codes)
    book.counts.fill_(1.0)
    book.steps.fill_(1)


def _read_module(ours: nn.Module, theirs: nn.Module, lookup: WeightLookup) -> None:
    """The parameters of one module as the graphs hold them, or transposed."""
    for (name, parameter), known in zip(
        ours.named_parameters(recurse=False), theirs.parameters(recurse=False), strict=True
    ):
        parameter.data = lookup.required(_array(known), name).float()


def _read_transformer(ours: MaskedTransformer, theirs: MaskedTransformer, lookup: WeightLookup) -> None:
    """All weights but of what reads the codes."""
    for module, known in zip(ours.modules(), theirs.modules(), strict=True):
        if isinstance(module, Pathways) and isinstance(known, Pathways):
            parts = [lookup.required(_array(part), "a pathway") for part in known.project.weight.chunk(3, dim=1)]
            module.project.weight.data = torch.cat(parts, dim=1).float()
            module.project.bias.data = lookup.required(_array(known.project.bias), "a pathway").float()
    skipped = {id(ours.motion_in), id(ours)} | {
        id(module.project) for module in ours.modules() if isinstance(module, Pathways)
    }
    for module, known in zip(ours.modules(), theirs.modules(), strict=True):
        if id(module) not in skipped:
            _read_module(module, known, lookup)
    bias = lookup.required(_array(theirs.motion_in.bias) + _array(theirs.segments[3]), "motion_in")
    ours.motion_in.bias.data = bias.float()
    ours.segments.data[3] = 0.0
    for tensor, known, rows in ((ours.segments, theirs.segments, 3), (ours.no_text, theirs.no_text, 2)):
        for row in range(rows):
            tensor.data[row] = lookup.required(_array(known[row]), "a row before the motion").float()


def _table_of(reference: TokenModel, lookup: WeightLookup) -> Tensor:
    """Codes and specials through the layer that reads them, as the engine has them [parts, ids, width], float64."""
    transformer, config = reference.transformer, reference.config
    assert transformer is not None
    codes = _array(reference.vq.codebook.codes)
    weight = _array(transformer.motion_in.weight).T.reshape(len(codes), config.code_width, config.width)
    table = np.concatenate([codes, _array(transformer.specials)], axis=1) @ weight
    return lookup.required(table.reshape(-1, config.width), "the table of codes").reshape(table.shape)


def _solve_table(transformer: MaskedTransformer, codes: Tensor, table: Tensor, config: TokenConfig) -> None:
    """The layer and the specials that make the `table` [parts, ids, width] of the codes."""
    wide = codes.double()
    weight = torch.linalg.lstsq(wide, table[:, : config.codes]).solution
    transformer.motion_in.weight.data = weight.flatten(0, 1).T.float().contiguous()
    specials = torch.linalg.lstsq(weight.mT, table[:, config.codes :].mT).solution.mT
    transformer.specials.data = specials.float().contiguous()


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().numpy(), np.float32)
