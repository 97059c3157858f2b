"""A Triton model repository of an engine: `genmo-export --triton`, or

    python -m genmo.export.targets.triton ENGINE --out DIR

Three models run an engine as every backend here does (`genmo_conditions` and `genmo_texts` once a sequence,
`genmo_step` at every step), and an ensemble, `genmo_denoise`, is all of it in one request.  An engine with the sampler
as one graph gets `genmo_sampler` too.  Plans for TensorRT, where the engine has them, become models of the same names
with `_tensorrt` behind.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import (
    condition_inputs,
    condition_outputs,
    inputs,
    outputs,
    sampler_inputs,
    sampler_outputs,
    step_inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.engine.backends.tensorrt_plans import PlanSet, plan_folders, plan_profiles, read_plans
from genmo.runtime.engine.bundle import Engine, load_engine
from genmo.runtime.engine.graphs import GRAPHS
from genmo.runtime.support.atomic_write import put_folder
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError

PROGRAM = "python -m genmo.export.targets.triton"
SAMPLER = "sampler"
MARK = ".genmo-triton"
"""file in a repository that this module wrote, and may replace"""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
DEVICES = {"cpu": "KIND_CPU", "gpu": "KIND_GPU", "auto": "KIND_AUTO"}
_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}
_FILES = {"onnxruntime": "model.onnx", "tensorrt": "model.plan"}


def graph_tensors(config: ModelConfig) -> dict[str, tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]]:
    """Inputs and outputs of every graph."""
    return {
        "conditions": (condition_inputs(config), condition_outputs(config)),
        "texts": (text_inputs(config), text_outputs(config)),
        "step": (step_inputs(config), outputs(config)),
        SAMPLER: (sampler_inputs(config), sampler_outputs(config)),
    }


def _tensors(kind: str, specs: Sequence[TensorSpec]) -> str:
    """The `input` or `output` entries of a configuration."""
    entries = []
    for spec in specs:
        dims = ", ".join("-1" if isinstance(axis, str) else str(axis) for axis in spec.axes)
        entries.append(
            f'  {{\n    name: "{spec.name}"\n    data_type: {_TYPES[spec.dtype]}\n    dims: [ {dims} ]\n  }}'
        )
    return f"{kind} [\n" + ",\n".join(entries) + "\n]\n"


def _group(instances: int, device: str, profiles: int) -> str:
    """Instances of a model; those of a plan serve all of its optimisation profiles."""
    served = f"\n    profile: [ {', '.join(f'{chr(34)}{i}{chr(34)}' for i in range(profiles))} ]" if profiles else ""
    return f"instance_group [\n  {{\n    count: {instances}\n    kind: {DEVICES[device]}{served}\n  }}\n]\n"


def model_config(
    name: str,
    backend: str,
    tensors: tuple[Sequence[TensorSpec], Sequence[TensorSpec]],
    instances: int = 1,
    device: str = "auto",
    profiles: int = 0,
) -> str:
    """`config.pbtxt` of one graph.

    Triton's own batching is off (`max_batch_size: 0`): motions are batched by whoever makes the arrays, since a step
    has two batches, all motions and those under texts.  `profiles`: of a TensorRT plan.
    """
    head = f'name: "{name}"\nbackend: "{backend}"\nmax_batch_size: 0\ndefault_model_filename: "{_FILES[backend]}"\n'
    return head + _tensors("input", tensors[0]) + _tensors("output", tensors[1]) + _group(instances, device, profiles)


def ensemble_config(name: str, models: dict[str, str], config: ModelConfig) -> str:
    """`config.pbtxt` of the ensemble: every input of the denoiser -> every output, by the three `models`."""
    steps = []
    for graph in GRAPHS:
        ins, outs = graph_tensors(config)[graph]
        maps = [f'      input_map {{ key: "{spec.name}" value: "{spec.name}" }}' for spec in ins]
        maps += [f'      output_map {{ key: "{spec.name}" value: "{spec.name}" }}' for spec in outs]
        steps.append(
            f'    {{\n      model_name: "{models[graph]}"\n      model_version: -1\n' + "\n".join(maps) + "\n    }"
        )
    return (
        f'name: "{name}"\nplatform: "ensemble"\nmax_batch_size: 0\n'
        + _tensors("input", inputs(config))
        + _tensors("output", outputs(config))
        + "ensemble_scheduling {\n  step [\n"
        + ",\n".join(steps)
        + "\n  ]\n}\n"
    )


def _write_model(folder: Path, config: str, file: Path | None, name: str = "") -> None:
    """A model's folder: its configuration and version 1, with the weights that lie beside a large graph."""
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config)
    if file is not None:
        shutil.copyfile(file, folder / "1" / name)
        weights = file.with_name(f"{file.name}.data")
        if weights.is_file():
            shutil.copyfile(weights, folder / "1" / weights.name)  # the graph refers to it by this name


def _choose_plans(engine: Engine) -> list[tuple[Path, PlanSet]]:
    """The plans that Triton can run: those of `tensorrt`.  Raises InputError where it is not clear which."""
    plan_sets = [(folder, read_plans(folder)) for folder in plan_folders(engine.folder)]
    ours = [(folder, plans) for folder, plans in plan_sets if plans.library == "tensorrt"]
    if len(ours) > 1:
        keys = ", ".join(folder.name for folder, _ in ours)
        raise InputError(f"{engine.folder} has several sets of TensorRT plans ({keys}); wanted --plans KEY")
    return ours


def _plans_named(engine: Engine, key: str) -> list[tuple[Path, PlanSet]]:
    folder = {path.name: path for path in plan_folders(engine.folder)}.get(key)
    if folder is None:
        raise InputError(f"--plans {key}: {engine.folder} has no such plans")
    return [(folder, read_plans(folder))]


def write_repository(
    folder: Path,
    out: Path,
    prefix: str = "genmo",
    instances: int = 1,
    device: str = "auto",
    plans: str = "",
) -> list[str]:
    """Write the repository of an engine to `out`, whole or not at all; the names of its models.

    `prefix`: of the models' names; `device`: a key of DEVICES; `plans`: key of the TensorRT plans to serve too ("":
    those of `tensorrt` if the engine has them; "none": none).  Raises InputError for bad options, EngineError for a
    folder that is no engine.
    """
    engine = load_engine(folder)
    _check(out, prefix, instances)
    chosen = [] if plans == "none" else _plans_named(engine, plans) if plans else _choose_plans(engine)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        aside = Path(scratch) / "models"
        aside.mkdir()
        (aside / MARK).write_text("made by genmo; replaced when it is made again\n")
        _write_onnx_models(engine, aside, prefix, instances, device)
        for plan_folder, description in chosen:
            _write_plan_models(engine, plan_folder, description, aside, prefix, instances)
        names = sorted(path.name for path in aside.iterdir() if path.is_dir())
        put_folder(aside, out)
    return names


def _check(out: Path, prefix: str, instances: int) -> None:
    if not NAME.fullmatch(prefix):
        raise InputError(f"--prefix is {prefix!r}; wanted letters, digits and _, a letter first")
    if instances < 1:
        raise InputError(f"--instances is {instances}; wanted 1 or more")
    check_place(out)


def check_place(out: Path) -> None:
    """Raises InputError where a repository cannot be written."""
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is no repository of genmo; wanted a new folder or one to replace")
    if not out.absolute().parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.absolute().parent}; make it first")


def _write_onnx_models(engine: Engine, out: Path, prefix: str, instances: int, device: str) -> None:
    tensors = graph_tensors(engine.config)
    graphs = (*GRAPHS, SAMPLER) if engine.denoiser.sampler is not None else GRAPHS
    models = {graph: f"{prefix}_{graph}" for graph in graphs}
    for graph, model in models.items():
        config = model_config(model, "onnxruntime", tensors[graph], instances, device)
        _write_model(out / model, config, getattr(engine.denoiser, graph), _FILES["onnxruntime"])
    whole = f"{prefix}_denoise"
    _write_model(out / whole, ensemble_config(whole, models, engine.config), None)


def _write_plan_models(engine: Engine, folder: Path, plans: PlanSet, out: Path, prefix: str, instances: int) -> None:
    if plans.library != "tensorrt":
        raise InputError(f"{folder.name}: built with {plans.library}, which Triton does not run; wanted tensorrt")
    models = {graph: f"{prefix}_{graph}_tensorrt" for graph in GRAPHS}
    tensors = graph_tensors(engine.config)
    profiles = plan_profiles(plans.profiles, engine.config, engine.denoiser.null_is_folded)
    for graph, model in models.items():
        config = model_config(model, "tensorrt", tensors[graph], instances, "gpu", len(profiles[graph]))
        _write_model(out / model, config, folder / f"{graph}.plan", _FILES["tensorrt"])
    whole = f"{prefix}_denoise_tensorrt"
    _write_model(out / whole, ensemble_config(whole, models, engine.config), None)


def next_commands(out: Path, names: Sequence[str]) -> str:
    """What to type to serve the repository, and to see that a model is ready."""
    return (
        "next:\n"
        f"  tritonserver --model-repository={out.absolute()}\n"
        f"  curl -i localhost:8000/v2/models/{names[0]}/ready"
    )


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and write the repository.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description="Write the Triton model repository of an engine.")
    add = parser.add_argument
    add("engine", type=Path, help="engine folder of genmo-export")
    add("--out", type=Path, required=True, metavar="DIR", help="repository to write")
    add("--prefix", default="genmo", help="of the models' names (default: %(default)s)")
    add("--instances", type=int, default=1, metavar="N", help="of every model (default: %(default)s)")
    add("--device", default="auto", choices=DEVICES, help="where ONNX graphs run (default: %(default)s)")
    add("--plans", default="", metavar="KEY|none", help="TensorRT plans to serve too (default: those there are)")
    args = parser.parse_args(arguments)
    names = write_repository(args.engine, args.out, args.prefix, args.instances, args.device, args.plans)
    print(f"wrote {args.out}: {', '.join(names)}\n{next_commands(args.out, names)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
