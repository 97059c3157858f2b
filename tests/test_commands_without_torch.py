"""The commands of training and export where PyTorch and ONNX are not installed: help, version, and one line else."""

import json
import subprocess
import sys

import pytest

COMMANDS = {
    "genmo-train": ("genmo.train.__main__", ["tiny", "data=[x]", "--out", "run"], "train"),
    "genmo-eval": ("genmo.train.evaluation.__main__", ["--data", "x"], "train"),
    "genmo-prepare": ("genmo.train.datasets.prepare", ["thirty", ".", "--out", "clips"], "train"),
    "genmo-export": ("genmo.export.__main__", ["x", "--out", "engine"], "export"),
    "genmo-export-pose": ("genmo.export.targets.pose_networks", ["x", "--out", "x.onnx"], "pose"),
}

SCRIPT = """
import contextlib, importlib, io, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in {"torch", "onnx", "onnxscript", "onnx_ir", "safetensors", "tqdm", "transformers"}:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)

sys.meta_path.insert(0, Missing())
told = {}
for program, (module, arguments, _) in json.loads(sys.argv[1]).items():
    main = importlib.import_module(module).main
    told[program] = []
    for given in (["--help"], ["--version"], arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main(given)
            except SystemExit as stop:
                status = stop.code
        told[program].append([status, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What every command answers to --help, --version and real arguments: exit status, stdout, stderr."""
    folder = tmp_path_factory.mktemp("empty")
    run = [sys.executable, "-c", SCRIPT, json.dumps(COMMANDS)]
    done = subprocess.run(run, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", COMMANDS)
def test_help_and_version_need_no_torch(answers, program):
    (helped, usage, _), (versioned, version, _), _ = answers[program]
    assert (helped, versioned) == (0, 0)
    assert usage.startswith(f"usage: {program} ") and version.startswith(f"{program} ")


@pytest.mark.parametrize("program", COMMANDS)
def test_anything_else_is_the_pip_command(answers, program):
    status, printed, errors = answers[program][2]
    assert (status, printed) == (2, "") and errors.count("\n") == 1
    assert errors.startswith(f"{program}: error: ")
    assert f'is not installed; wanted: pip install "genmo-motion[{COMMANDS[program][2]}]"' in errors


def test_choices_of_the_parser_are_those_of_the_tables():
    """genmo-export's parser lists them itself, for the tables are in modules that need ONNX."""
    pytest.importorskip("onnxscript")
    from genmo.export import __main__ as command
    from genmo.export import released_weights
    from genmo.export.onnx import onnx_builder, operator_profiles, t5_encoder

    assert command.PRECISIONS == tuple(onnx_builder.PRECISIONS)
    assert command.PROFILES == tuple(operator_profiles.PROFILES)
    assert command.TEXT_PRECISIONS == t5_encoder.TEXT_PRECISIONS
    assert command.GRAVITIES == released_weights.GRAVITIES
