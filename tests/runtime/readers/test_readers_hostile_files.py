"""What was made to hang, crash or fill the memory of its reader is one line; all in one process with limits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

SOURCE = Path(__file__).with_name("hostile_files.py")
READ = (
    "sound: ",
    "glb: a chain of 16000 nodes",
    "glb: a skin of a million joints",
    "camera: a large head of many frames",
)
"""odd, but right: read in bounded time and memory"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    run = subprocess.run(  # noqa: S603
        [sys.executable, str(SOURCE), str(folder / "files")],
        capture_output=True,
        text=True,
        timeout=600,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": ""},
        check=False,
    )
    result = [json.loads(line) for line in run.stdout.splitlines()]
    return {one["name"]: one for one in result}, run


def test_every_file_was_tried(outcomes):
    result, run = outcomes
    assert run.returncode == 0, f"ended after {list(result)[-1:]}: {run.stderr[-500:]}"
    assert len(result) > 80


def test_every_file_is_one_line_or_read(outcomes):
    for name, one in outcomes[0].items():
        said = one["said"]
        if name.startswith(READ):
            assert said == "read", one
        else:
            assert said != "read" and "escaped" not in said, one
            assert "\n" not in said and len(said) < 1000, one


def test_none_takes_much_memory(outcomes):
    for one in outcomes[0].values():
        assert one["megabytes"] < 500, one
