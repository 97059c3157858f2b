"""Every file that the packages read comes through the gate: sizes, plain files, depth and counts hold for all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GATE = {"runtime/support/safe_read.py", "runtime/support/safe_yaml.py", "runtime/support/safe_archive.py"}

# what opens a file or builds objects from its bytes, as `name` or `module.name`; "open" also as a method of a path
OPENS = {
    "open", "read_text", "read_bytes", "np.load", "np.fromfile", "np.loadtxt", "np.genfromtxt", "np.memmap",
    "lib.format.read_array", "mmap.mmap", "json.load", "json.loads", "pickle.load", "pickle.loads", "yaml.load",
    "yaml.safe_load", "yaml.compose", "yaml.parse", "zipfile.ZipFile", "tarfile.open", "gzip.open", "lzma.open",
    "torch.load", "torch.load_file", "safetensors.safe_open", "onnx.load", "onnx.load_model", "av.open",
    "soundfile.SoundFile", "soundfile.read", "wave.open", "ElementTree.parse", "Tokenizer.from_file",
    "parser.parse_from_file", "file_digest", "os.open", "io.open", "tomllib.load", "Image.open",
}  # fmt: skip

OURS = "a file of the package itself"
# file -> call -> why it does not go through the gate
ALLOWED = {
    "runtime/engine/backends/tensorrt_session.py": {"open": "its own, of a plan that it read through the gate"},
    "runtime/engine/listed_files.py": {"open": "a graph that was checked and hashed", "mmap.mmap": "the same"},
    "runtime/render/html.py": {"read_text": OURS},
    "runtime/formats/npz.py": {"zipfile.ZipFile": "written", "open": "a member that is written"},
    "runtime/formats/usd.py": {"read_bytes": "what was written a line before"},
    "runtime/readers/music.py": {
        "soundfile.SoundFile": "after read_sound's check; decoded block by block up to a length",
        "av.open": "likewise",
    },
    "runtime/render/images.py": {"av.open": "written"},
    "runtime/motion/skeleton.py": {"json.loads": OURS, "read_text": OURS},
    "runtime/video/frames.py": {"av.open": "a video of any size, decoded frame by frame"},
    "runtime/video/overlay.py": {"av.open": "written"},
    "runtime/cli/folder_server.py": {
        "zipfile.ZipFile": "a list of members, of files that are plain",
        "read_bytes": "files that its own folder lists",
    },
    "runtime/cli/clips.py": {"read_text": OURS},
    "runtime/cli/motion_pages.py": {"open": "a page in the browser"},
    "runtime/serve/binary.py": {"json.loads": "an answer that the server itself has made"},
    "runtime/support/cli.py": {"open": "the null device", "os.open": "the null device"},
    "train/network/checkpoint.py": {
        "safetensors.safe_open": "after check_file; the library checks its header against the size",
        "torch.load_file": "after its names and shapes were compared",
        "torch.load": "a run's own state, weights only, after its checksums",
    },
    "train/datasets/store.py": {"open": "written", "np.load": "mapped into memory, after its checksum or size"},
    "train/data/t5_tokens.py": {"np.load": "mapped into memory, after its checksum"},
    "train/loop/run_log.py": {"open": "a log that is written"},
    "export/tensorrt/window_plugin.py": {"read_text": OURS},
    "export/onnx/operator_profiles.py": {"read_text": OURS},
    "export/onnx/t5_network.py": {
        "safetensors.safe_open": "after check_file; the library checks its header against the size"
    },
    "export/tensorrt/plan_builder.py": {
        "onnx.load": "graphs of an engine that was checked and hashed",
        "parser.parse_from_file": "the same",
    },
    "export/engine_to_checkpoint.py": {"onnx.load": "the same"},
    "export/token_unfolding.py": {"onnx.load": "the same, and graphs written a line before"},
    "export/onnx/weight_locations.py": {"onnx.load": "the same"},
    "export/tensorrt/plan_sources.py": {"onnx.load": "the same"},
}


def called(node: ast.Call) -> str:
    """`f` of f(...), `f` of anything.f(...) for methods of paths, `module.f` where OPENS has it so."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if not isinstance(node.func, ast.Attribute):
        return ""
    parts, inner = [node.func.attr], node.func.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    parts.append(inner.id if isinstance(inner, ast.Name) else "")
    names = [".".join(reversed(parts[: count + 1])) for count in range(len(parts))]
    return next((name for name in reversed(names) if name in OPENS), names[0])


def reads(source: str):
    """(line, call) of everything in a file that reads another one past the gate."""
    tree = ast.parse(source)
    gated = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genmo.runtime.")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            if name in OPENS and not (isinstance(node.func, ast.Name) and node.func.id in gated):
                yield node.lineno, name


def packages():
    for folder in ("runtime", "train", "export"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_every_reader_goes_through_the_gate():
    found = []
    for path in packages():
        name = path.relative_to(ROOT).as_posix()
        for line, call in reads(path.read_text(encoding="utf-8")) if name not in GATE else ():
            if call not in ALLOWED.get(name, {}):
                found.append(f"{name}:{line} calls {call}; wanted a function of {sorted(GATE)[0]}, or a reason here")
    assert not found, "\n".join(found)
    assert all((ROOT / name).is_file() for name in ALLOWED)


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("open('x')", "open"),
        ("path.open('rb')", "open"),
        ("Path(x).read_text()", "read_text"),
        ("(a / b).read_bytes()", "read_bytes"),
        ("with np.load(path) as f: pass", "np.load"),
        ("import json\njson.loads(text)", "json.loads"),
        ("np.lib.format.read_array(f)", "lib.format.read_array"),
        ("safetensors.torch.load_file(p)", "torch.load_file"),
    ],
)
def test_a_new_reader_is_found(source, call):
    assert [name for _, name in reads(source)] == [call]


def test_the_gate_itself_may_be_called():
    assert not list(reads("from genmo.runtime.support.safe_read import read_text\nread_text(path, 'a log')"))
