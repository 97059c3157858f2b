"""genmo-export-pose: person detectors and pose networks of `transformers` as the ONNX files that `genmo-run` takes.

    genmo-export-pose usyd-community/vitpose-base-simple --out vitpose.onnx
    genmo-export-pose PekingU/rtdetr_r50vd_coco_o365 --out detector.onnx

ViTPose, RT-DETR (also v2), D-FINE, DETR and YOLOS, from a folder or by hub id where there is a network.  What the graph
cannot say itself (mean and deviation, class of people, softmax or sigmoid, padded or stretched) rides in its metadata
under `genmo`.  The file is written after ONNX Runtime gave the answers of PyTorch.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_json
from genmo.runtime.video.crops import IMAGENET_MEAN, IMAGENET_STD
from genmo.runtime.video.onnx_network import PROPERTY, Network

PROGRAM = "genmo-export-pose"
OPSET = 18
GATE = 1e-3
"""Largest difference between PyTorch and ONNX Runtime, over the largest value."""
POSE = ("vitpose",)
SIGMOID = ("rt_detr", "rt_detr_v2", "d_fine")
SOFTMAX = ("detr", "yolos")
SIZES = {"detr": (800, 1088), "yolos": (512, 864)}
"""Height and width of the input of those that keep the aspect; the others say their own, or take 640 x 640."""


@dataclass(frozen=True, eq=False)
class Exportable:
    """A network and what its graph has to say."""

    model: Any
    size: tuple[int, int]
    """height and width of the input"""
    outputs: tuple[str, ...]
    properties: dict[str, Any]


def load(source: str, size: tuple[int, int] | None = None) -> Exportable:
    """The network in a folder of `transformers`, or by its hub id.  `size`: height and width of a detector's input.

    Raises InputError for what cannot be loaded, or is neither a detector of people nor a pose network.
    """
    import torch  # noqa: F401  (without it transformers imports, and its models do not)
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(source)
    except Exception as error:  # the library's own types are many
        raise InputError(
            f"{source}: not a model of transformers ({first_line(error)}); wanted a folder or a hub id"
        ) from None
    kind = str(config.model_type)
    outputs: tuple[str, ...]
    if kind in POSE:
        maker, outputs = transformers.VitPoseForPoseEstimation, ("heatmaps",)
    elif kind in (*SIGMOID, *SOFTMAX):
        maker, outputs = transformers.AutoModelForObjectDetection, ("logits", "pred_boxes")
    else:
        supported = ", ".join((*POSE, *SIGMOID, *SOFTMAX))
        raise InputError(f"{source}: a model of type {kind}; wanted one of {supported}")
    try:
        model = maker.from_pretrained(source, attn_implementation="eager").eval()
    except Exception as error:  # as above
        raise InputError(f"{source}: transformers cannot load it ({first_line(error)}); wanted whole weights") from None
    if kind in POSE:
        _check_depth(model, source)
        return Exportable(
            model, _pose_size(config), outputs, _picture(source, IMAGENET_MEAN, IMAGENET_STD) | {"kind": kind}
        )
    person = _person(config, source)
    softmax = kind in SOFTMAX
    plain = ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
    picture = _picture(source, *((IMAGENET_MEAN, IMAGENET_STD) if softmax else plain))
    settings = {"kind": kind, "person": person, "activation": "softmax" if softmax else "sigmoid"}
    settings["fit"] = "pad" if softmax else "stretch"
    return Exportable(model, size or SIZES.get(kind, (640, 640)), outputs, settings | picture)


def _check_depth(model: Any, source: str) -> None:
    """Raise InputError where the head does not read the last layer: the library's defaults silently drop most."""
    layers, read = model.config.backbone_config.num_hidden_layers, model.config.backbone_config.out_indices
    if max(read) != layers:
        raise InputError(f"{source}: its head reads layer {max(read)} of {layers}; wanted out_indices [{layers}]")


def _pose_size(config: Any) -> tuple[int, int]:
    size = config.backbone_config.image_size
    return (int(size[0]), int(size[1])) if isinstance(size, (list, tuple)) else (int(size), int(size))


def _person(config: Any, source: str) -> int:
    people = [int(number) for number, name in config.id2label.items() if str(name).lower() == "person"]
    if not people:
        raise InputError(f"{source}: no class named person among {len(config.id2label)}; wanted a detector of people")
    return people[0]


def _picture(source: str, mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, list[float]]:
    """Mean and deviation of 0 to 255, of `preprocessor_config.json` where the folder has one."""
    path = Path(source) / "preprocessor_config.json"
    if path.is_file():
        settings = read_json(path, "preprocessor_config.json of a detector")
        if settings.get("do_normalize", False) and "image_mean" in settings:
            mean, std = (tuple(255.0 * one for one in settings[key]) for key in ("image_mean", "image_std"))
    return {"mean": list(mean), "std": list(std)}


def export(source: str, out: str | Path, size: tuple[int, int] | None = None) -> float:
    """Write the ONNX file; the largest difference from PyTorch over the largest value.  Raises InputError."""
    import torch

    exportable = load(source, size)
    height, width = exportable.size

    class Wanted(torch.nn.Module):
        """The outputs by name; ViTPose of several data sets answers as for the first, COCO."""

        def __init__(self) -> None:
            super().__init__()
            self.model = exportable.model

        def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
            experts = getattr(getattr(exportable.model.config, "backbone_config", None), "num_experts", 1)
            experts_input = {"dataset_index": torch.zeros(len(pixel_values), dtype=torch.int64)} if experts > 1 else {}
            answers = self.model(pixel_values, **experts_input)
            return tuple(answers[name] for name in exportable.outputs)

    network = Wanted().eval()
    pose = exportable.outputs == ("heatmaps",)
    example = torch.from_numpy(np.random.default_rng(0).normal(size=(2 if pose else 1, 3, height, width))).float()
    with torch.no_grad():
        expected = [answer.numpy() for answer in network(example)]
    graph = _graph(network, example, exportable, dynamic=pose)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(graph)
        answers = Network(path, threads=1)(example.numpy())
    error = max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-9)) for a, b in zip(answers, expected, strict=True))
    if not error <= GATE:
        raise InputError(f"{source}: the exported graph differs by {error:.2g} of the largest value; wanted {GATE:g}")
    write_aside(out, graph)
    return error


def _graph(network: Any, example: Any, exportable: Exportable, dynamic: bool) -> bytes:
    import io
    import warnings

    import onnx
    import torch

    packed = io.BytesIO()
    axes = {name: {0: "batch"} for name in ("pixel_values", *exportable.outputs)} if dynamic else None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (example,), packed, input_names=["pixel_values"], output_names=list(exportable.outputs),
            opset_version=OPSET, dynamic_axes=axes, dynamo=False,
        )  # fmt: skip
    model = onnx.load_from_string(packed.getvalue())
    del model.metadata_props[:]
    model.metadata_props.add(key=PROPERTY, value=json.dumps(exportable.properties, sort_keys=True))
    return bytes(model.SerializeToString())


def _size(argument: str | None) -> tuple[int, int] | None:
    if argument is None:
        return None
    width, _, height = argument.partition("x")
    if not (width.isdigit() and height.isdigit() and 32 <= int(width) <= 4096 and 32 <= int(height) <= 4096):
        raise InputError(f"--size is {argument!r}; wanted width and height in pixels as 640x640")
    return int(height), int(width)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and export.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(
        prog=PROGRAM, description="Detectors and pose networks of transformers as ONNX for genmo-run."
    )
    parser.add_argument("source", metavar="FOLDER|HUB_ID", help="ViTPose, RT-DETR, D-FINE, DETR or YOLOS")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--size", metavar="WxH", help="of a detector's input (default: 640x640; DETR and YOLOS more)")
    args = parser.parse_args(arguments)
    out: Path = args.out
    if out.suffix.lower() != ".onnx" or not out.parent.is_dir():
        raise InputError(f"--out {out}: wanted a .onnx in a folder that is there")
    error = export(args.source, out, _size(args.size))
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB, differs from PyTorch by {error:.1g} of the largest value")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="pose")


if __name__ == "__main__":
    sys.exit(main())
