"""What an engine's graphs may consist of, so that a certain library reads them: `--profile`.

`plain` is ONNX as it is written, opset 18.  `unity` is what Unity Inference Engine 2.4 documents: opset 7 to 15, no
control flow, only the operators of its table (`unity_ops.txt`), at most 8 axes, float32 and whole numbers.  Unreal's
NNE (its ONNX Runtime, also on DirectML) reads the same files: opset 15 and ir_version 8 are older than what it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper, shape_inference

from genmo.export.onnx.onnx_builder import IR_VERSION
from genmo.runtime.support.errors import InputError

UNITY_OPSET = 15
MAX_AXES = 8
_UNITY_OPS = Path(__file__).with_name("unity_ops.txt")
_AXES_TO_ATTRIBUTE = {"ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"}
"""reductions whose axes are an input since opset 18 and were an attribute before"""
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1
_TYPES = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)


@dataclass(frozen=True)
class Profile:
    """How graphs are written for a reader."""

    opset: int
    operators: frozenset[str] | None
    """the operators that it knows; None: all"""
    precisions: tuple[str, ...] | None
    """keys of PRECISIONS that it can hold; None: all"""
    texts_for_all: bool
    """every motion goes through the text attention, so that no tensor is ever without rows"""


@cache
def unity_operators() -> frozenset[str]:
    """The operators that Unity Inference Engine 2.4 imports."""
    lines = _UNITY_OPS.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


PLAIN = "plain"
PROFILES = {
    PLAIN: Profile(18, None, None, False),
    "unity": Profile(UNITY_OPSET, unity_operators(), ("fp32",), True),
}
"""what `--profile` takes"""


def check_precision(profile: str, precision: str) -> None:
    """Raises InputError when graphs of the profile cannot hold the precision."""
    allowed = PROFILES[profile].precisions
    if allowed is not None and precision not in allowed:
        raise InputError(f"--profile {profile} with --precision {precision}; that library reads {', '.join(allowed)}")


def fitted(model: onnx.ModelProto, profile: str) -> onnx.ModelProto:
    """The model as the profile wants it; the same function.  The given model is left as it is.

    Raises InputError, naming what does not fit, when it cannot be written so.
    """
    operators_of_profile = PROFILES[profile]
    if operators_of_profile.operators is None:
        return model
    faults = _strangers(model, operators_of_profile.operators)
    older = model if faults else _older(model, operators_of_profile.opset)
    faults = faults or misfits(older, operators_of_profile.operators)
    if faults:
        raise InputError(f"graph {model.graph.name} does not fit --profile {profile}: {'; '.join(faults)}")
    return older


def offending_operators(model: onnx.ModelProto, operators: frozenset[str]) -> list[str]:
    """Operators of the model, sorted, that are not among `operators`; those of other domains as domain.name."""
    missing = set()
    for graph in _graphs(model.graph):
        for node in graph.node:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            missing |= {name} - operators
    return sorted(missing)


def misfits(model: onnx.ModelProto, operators: frozenset[str]) -> list[str]:
    """What of the model a reader of these operators does not take, in words; nothing when it fits.

    Beside operators: functions, tensors of more than 8 axes, of types that are not float32, int64, int32 or bool, and
    whole numbers that do not fit 32 bits, in which Unity keeps them.
    """
    faults = _strangers(model, operators)
    if faults:
        return faults
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    for value in (*inferred.input, *inferred.output, *inferred.value_info):
        kind = value.type.tensor_type
        if kind.elem_type not in _TYPES:
            faults.append(f"{value.name} is {TensorProto.DataType.Name(kind.elem_type)}")
        if len(kind.shape.dim) > MAX_AXES:
            faults.append(f"{value.name} has {len(kind.shape.dim)} axes, at most {MAX_AXES} are supported")
    for tensor in model.graph.initializer:
        if tensor.data_type not in _TYPES:
            faults.append(f"{tensor.name} is {TensorProto.DataType.Name(tensor.data_type)}")
        elif tensor.data_type == TensorProto.INT64:
            numbers = numpy_helper.to_array(tensor)
            if ((numbers < _SMALLEST) | (numbers > _LARGEST)).any():
                faults.append(f"{tensor.name} does not fit 32 bits")
    return faults


def _strangers(model: onnx.ModelProto, operators: frozenset[str]) -> list[str]:
    faults = [f"operator {name} is not supported" for name in offending_operators(model, operators)]
    return faults + [f"function {function.name} is not supported" for function in model.functions]


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """A graph and those inside its nodes."""
    inner = [a.g for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return [graph, *(deep for one in inner for deep in _graphs(one))]


def _older(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The model in an older opset (15), node by node.  Raises InputError for an operator without an older form."""
    older = onnx.ModelProto()
    older.CopyFrom(model)
    older.ir_version = IR_VERSION
    del older.opset_import[:]
    older.opset_import.append(helper.make_opsetid("", opset))
    graph = older.graph
    _clamp_ends(graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    del graph.node[:]
    for node in model.graph.node:
        if node.op_type == "LayerNormalization":
            graph.node.extend(_layer_norm(node, graph))
        else:
            graph.node.append(_older_node(node, constants, opset, model.graph.name))
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    onnx.checker.check_model(older, full_check=True)
    return older


def _clamp_ends(graph: onnx.GraphProto) -> None:
    """Borders of slices that mean "to the end" get the largest number of 32 bits, which means the same."""
    uses = [
        (name, node.op_type == "Slice" and index in (1, 2))
        for node in graph.node
        for index, name in enumerate(node.input)
    ]
    others = {name for name, border in uses if not border}
    borders = {name for name, _ in uses} - others
    for tensor in graph.initializer:
        if tensor.name in borders:
            numbers = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.clip(numbers, _SMALLEST, _LARGEST), tensor.name))


def _older_node(node: NodeProto, constants: dict[str, TensorProto], opset: int, where: str) -> NodeProto:
    older = NodeProto()
    older.CopyFrom(node)
    kept = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type in _AXES_TO_ATTRIBUTE and len(node.input) > 1:
        axes = constants.get(node.input[1])
        if axes is None:
            raise InputError(f"graph {where}: the axes of {node.op_type} are computed; opset {opset} wants them fixed")
        del older.input[1:]
        older.attribute.append(helper.make_attribute("axes", numpy_helper.to_array(axes).ravel().tolist()))
    elif node.op_type == "Split" and "num_outputs" in kept:
        older.attribute.remove(kept["num_outputs"])  # without it the parts are equal too
    elif node.op_type == "ScatterElements" and kept.get("reduction") is not None and kept["reduction"].s == b"none":
        older.attribute.remove(kept["reduction"])
    _check_schema(older, opset, where)
    return older


def _check_schema(node: NodeProto, opset: int, where: str) -> None:
    """The operator exists in the opset and knows the node's attributes.  Whether types fit, the checker says."""
    try:
        schema = onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        raise InputError(f"graph {where}: {node.op_type} is newer than opset {opset}") from None
    strange = sorted({attribute.name for attribute in node.attribute} - set(schema.attributes))
    if strange or len(node.input) > schema.max_input:
        what = f"attribute {strange[0]}" if strange else f"{len(node.input)} inputs"
        raise InputError(f"graph {where}: {node.op_type} has {what}, which opset {opset} does not know")


def _layer_norm(node: NodeProto, graph: onnx.GraphProto) -> list[NodeProto]:
    """LayerNormalization over the last axis in older operators, in the shape that libraries recognise and fuse."""
    stored = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    assert stored.get("axis", -1) == -1 and len(node.input) == 3 and len(node.output) == 1, node.name
    x, weight, bias = node.input
    result = node.output[0]
    for name, value in (("two", 2.0), ("epsilon", stored.get("epsilon", 1e-5))):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), f"{result}_{name}"))

    def make(kind: str, inputs: list[str], output: str, **attributes: object) -> NodeProto:
        return helper.make_node(kind, inputs, [output], output, **attributes)

    return [
        make("ReduceMean", [x], f"{result}_mean", axes=[-1], keepdims=1),
        make("Sub", [x, f"{result}_mean"], f"{result}_centred"),
        make("Pow", [f"{result}_centred", f"{result}_two"], f"{result}_squares"),
        make("ReduceMean", [f"{result}_squares"], f"{result}_variance", axes=[-1], keepdims=1),
        make("Add", [f"{result}_variance", f"{result}_epsilon"], f"{result}_positive"),
        make("Sqrt", [f"{result}_positive"], f"{result}_spread"),
        make("Div", [f"{result}_centred", f"{result}_spread"], f"{result}_normal"),
        make("Mul", [f"{result}_normal", weight], f"{result}_scaled"),
        make("Add", [f"{result}_scaled", bias], result),
    ]
