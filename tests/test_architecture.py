"""Arrows run one way: runtime <- train <- export. Imports inside functions count too."""

import ast
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
}
FOLDERS = (*ARROWS, "tests")
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
            if folder == "benchmarks" and any(part.startswith("_") for part in name.split(".")):
                yield f"{where} imports {name}; benchmarks use public names only"


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
