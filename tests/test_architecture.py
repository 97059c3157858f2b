"""Arrows run one way: runtime <- train <- export, and inside each package from floor to floor.

Imports inside functions and for type checkers count too.
"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# package -> the parts of genmo that it may import
ARROWS = {
    "runtime": {"genmo.runtime"},
    "train": {"genmo.runtime", "genmo.train"},
    "export": {"genmo.runtime", "genmo.train", "genmo.export"},
    "benchmarks": {"genmo.runtime", "genmo.train", "genmo.export"},
    "integrations": {"genmo.runtime"},
}
FOLDERS = (*ARROWS, "tests")
PUBLIC_ONLY = {"benchmarks", "integrations"}
HEAVY = {"torch", "onnx", "onnxscript", "transformers", "smplx"}  # never in the runtime
BARE = {
    "runtime",
    "train",
    "export",
}  # importable from the root by accident: a second copy of everything


def sources():
    for folder in FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imported_names(source: str, package: str = ""):
    """Every dotted name that a file imports; `package` is what its relative imports start from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def faults(source: str, path: Path):
    folder = path.parts[0]
    package = ".".join(("genmo", *path.parts[:-1])) if folder in BARE else ""
    for line, name in imported_names(source, package):
        top, where = name.split(".")[0], f"{path}:{line}"
        if top in BARE:
            yield f"{where} imports {name}; say genmo.{name}"
        if folder == "runtime" and top in HEAVY:
            yield f"{where} imports {name}; the runtime runs without it"
        if folder in ARROWS and top == "genmo":
            if ".".join(name.split(".")[:2]) not in ARROWS[folder]:
                yield f"{where} imports {name}; {folder} may import {', '.join(sorted(ARROWS[folder]))}"
            if folder in PUBLIC_ONLY and any(part.startswith("_") for part in name.split(".")):
                yield f"{where} imports {name}; {folder} use public names only"


def test_arrows_run_one_way():
    found = [fault for path in sources() for fault in faults(path.read_text(encoding="utf-8"), path.relative_to(ROOT))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("runtime/denoiser/sampler.py", "import torch"),
        ("runtime/denoiser/sampler.py", "def sample():\n    from torch.nn import functional"),
        ("runtime/denoiser/sampler.py", "from genmo.train import denoiser"),
        ("runtime/denoiser/sampler.py", "from genmo import train"),
        ("runtime/formats/bvh.py", "from ...train import denoiser"),
        ("runtime/denoiser/sampler.py", "import importlib\nimportlib.import_module('torch')"),
        ("train/loop/losses.py", "import genmo.export.onnx.onnx_builder"),
        ("train/loop/losses.py", "from runtime import motion"),
        ("export/onnx/onnx_builder.py", "import train.denoiser"),
        ("tests/test_x.py", "import runtime"),
        ("benchmarks/one_step.py", "from genmo.runtime.denoiser.sampler import _step"),
        ("integrations/blender/extension/core/job.py", "from genmo.runtime.denoiser.sampler import _step"),
        ("integrations/blender/extension/core/job.py", "import genmo.train"),
    ],
)
def test_a_wrong_import_is_seen(path, source):
    assert list(faults(source, Path(path)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("runtime/denoiser/sampler.py", "import numpy as np\nfrom genmo.runtime import schedule"),
        ("runtime/formats/bvh.py", "from ..motion import Motion"),
        ("runtime/engine/backends/onnxruntime.py", "def load():\n    import onnxruntime"),
        ("train/loop/losses.py", "import torch\nfrom genmo.runtime.motion.skeleton import Skeleton"),
        ("export/onnx/onnx_builder.py", "import onnx\nfrom genmo.train.network.denoiser import Denoiser"),
        ("tests/test_x.py", "from genmo.export import graph"),
    ],
)
def test_a_right_import_is_left_alone(path, source):
    assert not list(faults(source, Path(path)))


@pytest.mark.parametrize("module", ["genmo.runtime", "genmo.runtime.cli.run"])
def test_importing_the_runtime_loads_nothing_heavy(module):
    heavy = sorted(HEAVY | {"onnxruntime", "tensorrt", "openvino"})
    script = f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT / "tests")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


# --- floors -------------------------------------------------------------------------------------------------------

# room (a folder or file of the package) -> floor; a room imports only rooms of lower floors
FLOORS = {
    "runtime": [
        ("support",),
        ("motion",),
        ("denoiser", "actions"),
        ("conditions", "tokens"),
        ("readers", "engine", "refine", "render"),
        ("model", "formats", "video"),
        ("streaming", "retarget", "live", "bulk", "token_model", "clips"),
        ("serve",),
        ("cli",),
    ],
    "train": [
        ("settings", "metrics", "network"),
        ("captions",),
        ("datasets",),
        ("geometry",),
        ("data",),
        ("tools",),
        ("evaluation",),
        ("loop",),
        ("__main__",),
    ],
    "export": [
        ("options", "piece_hashes"),
        ("onnx",),
        (
            "tensorrt",
            "targets",
            "parity",
            "model_card",
            "released_statistics",
            "token_unfolding",
            "text_tables",
            "native_table",
        ),
        ("released_weights", "token_card", "engine_to_checkpoint"),
        ("pipeline", "token_pipeline"),
        ("__main__",),
    ],
}
# of the runtime: 12 without the server, whose six modules, one on another, stand on the retargeting of a rig
LONGEST_CHAIN = {"runtime": 18, "train": 11, "export": 8}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


@functools.cache
def modules(package: str):
    """Dotted name -> path of every module of a package."""
    paths = sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)
    named = {".".join(("genmo", *path.relative_to(ROOT).with_suffix("").parts)): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


@functools.cache
def graph(package: str):
    """Module -> the modules of the same package that it imports; the package itself is left out."""
    known = modules(package)
    top = f"genmo.{package}"
    arrows = {}
    for name, path in known.items():
        found = set()
        for _, imported in imported_names(path.read_text(encoding="utf-8")):
            while imported and imported not in known:
                imported = imported.rpartition(".")[0]
            found.add(imported)
        if name != top:
            arrows[name] = {other for other in found if other and other not in (name, top)}
    return arrows


def room(module: str) -> str:
    return module.split(".")[2]


def floor_of(package: str):
    return {name: number for number, rooms in enumerate(FLOORS[package]) for name in rooms}


def arrows_up(arrows, floors):
    """Arrows between rooms that do not go to a lower floor."""
    for module, imported in sorted(arrows.items()):
        for other in sorted(imported):
            if room(module) != room(other) and floors[room(other)] >= floors[room(module)]:
                yield f"{module} -> {other}"


def circle(arrows):
    """The nodes that are on or behind no circle are taken away; what is left."""
    left = {node: set(others) for node, others in arrows.items()}
    while ends := [node for node, others in left.items() if not others & left.keys()]:
        for node in ends:
            del left[node]
    return sorted(left)


def longest_chain(arrows) -> int:
    @functools.cache
    def depth(module):
        return 1 + max((depth(other) for other in arrows[module]), default=0)

    return max(map(depth, arrows))


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_has_a_floor(package):
    rooms = {room(name) for name in graph(package)}
    assert rooms == set(floor_of(package))


@pytest.mark.parametrize("package", FLOORS)
def test_no_arrow_goes_up_and_none_in_a_circle(package):
    arrows = graph(package)
    assert not list(arrows_up(arrows, floor_of(package)))
    assert not circle(arrows)
    assert longest_chain(arrows) <= LONGEST_CHAIN[package]


def test_an_arrow_up_and_a_circle_are_seen():
    floors = {"low": 0, "high": 1}
    assert list(arrows_up({"g.p.low.a": {"g.p.high.b"}, "g.p.high.b": set()}, floors))
    assert not list(arrows_up({"g.p.high.b": {"g.p.low.a"}, "g.p.low.a": {"g.p.low.c"}, "g.p.low.c": set()}, floors))
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]
    assert circle({"a": {"b"}, "b": set()}) == []
    assert longest_chain({"a": {"b"}, "b": {"c"}, "c": set(), "d": set()}) == 3


@functools.cache
def package_trees():
    found = []
    for package in FLOORS:
        for path in modules(package).values():
            source = path.read_text(encoding="utf-8")
            found.append((path.relative_to(ROOT), source, ast.parse(source)))
    return found


def test_files_and_functions_fit_in_the_eye():
    long = []
    for path, source, tree in package_trees():
        if (lines := source.count("\n")) > LONGEST_FILE:
            long.append(f"{path}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name}: {lines} lines")
    assert not long, "\n".join(long)


def test_only_command_lines_know_a_namespace():
    """What a command line says is a frozen value as soon as it is parsed."""
    found = [
        f"{path}:{node.lineno}"
        for path, source, tree in package_trees()
        if "Namespace" in source and not path.is_relative_to("runtime/cli")
        for node in ast.walk(tree)
        if getattr(node, "attr", getattr(node, "id", "")) == "Namespace"
    ]
    assert not found


def test_tests_are_where_their_modules_are():
    """`test_<module>.py`, or `test_<module>_<aspect>.py`, at the path of the module; a folder counts as a module."""
    lost = []
    for package in FLOORS:
        for path in sorted((ROOT / "tests" / package).rglob("test_*.py")):
            folder = ROOT / path.relative_to(ROOT / "tests").parent
            words = path.stem.removeprefix("test_").split("_")
            names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
            names |= {"__main__"} if words[0] == "main" else set()
            if folder.name not in names and not any((folder / f"{name}.py").is_file() for name in names):
                lost.append(str(path.relative_to(ROOT)))
    assert not lost
