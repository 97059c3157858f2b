"""Files by the thousand: every file once, whatever dies; with Ray where it is installed."""

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import InputError, MotionModel, load_motion, read_keypoints
from genmo.runtime.bulk import BatchEstimator, rows
from tests.tolerances import SAMPLED_POSE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "keypoints.npz"


def keypoint_folder(folder, count=6, frames=8):
    """Files of one person at different times, two folders deep; one file is broken."""
    (folder / "b").mkdir(parents=True)
    with np.load(EXAMPLE) as stored:
        arrays = {name: stored[name] for name in stored.files}
    longest = len(arrays["keypoints"])
    for number in range(count):
        start = 5 * number % (longest - frames)
        cut = {name: a[start : start + frames] if len(np.atleast_1d(a)) == longest else a for name, a in arrays.items()}
        np.savez(folder / ("b" if number % 2 else ".") / f"{number:02}.npz", **cut)
    (folder / "b" / "broken.npz").write_bytes(b"PK no")
    return folder


def test_rows_are_the_files_of_a_folder(tmp_path):
    keypoint_folder(tmp_path / "in", 3)
    result = rows(tmp_path / "in")
    assert [row["name"] for row in result] == ["00.npz", "02.npz", "b/01.npz", "b/broken.npz"]
    assert result[0]["path"] == str(tmp_path / "in" / "00.npz")
    with pytest.raises(InputError, match="wanted a folder with keypoint files"):
        rows(tmp_path / "in", "*.json")


def test_each_file_gets_its_motion_and_a_broken_one_its_error(tmp_path, caplog):
    estimator = BatchEstimator(tmp_path / "out")
    done = [estimator(row) for row in rows(keypoint_folder(tmp_path / "in", 3))]
    assert [bool(row["error"]) for row in done] == [False, False, False, True]
    assert "not a readable .npz" in done[3]["error"] and done[3]["out"] == "" and "broken.npz" in caplog.text
    expected = MotionModel.load(threads=1).estimate(read_keypoints(tmp_path / "in" / "b" / "01.npz"))
    np.testing.assert_allclose(load_motion(done[2]["out"]).joints_world(), expected.joints_world(), atol=SAMPLED_POSE)
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert names == ["00.npz.npz", "02.npz.npz", "b/01.npz.npz"]


def test_what_is_there_is_left_unless_told_otherwise(tmp_path):
    row = rows(keypoint_folder(tmp_path / "in", 1), "0*")[0]
    out = Path(BatchEstimator(tmp_path / "out", suffix=".bvh")(row)["out"])
    assert out.name == "00.npz.bvh"
    first = out.read_bytes()
    out.write_bytes(b"mine")
    BatchEstimator(tmp_path / "out", suffix=".bvh")(row)
    assert out.read_bytes() == b"mine"
    BatchEstimator(tmp_path / "out", suffix=".bvh", again=True)(row)
    assert out.read_bytes() == first


def test_a_suffix_that_nothing_writes(tmp_path):
    with pytest.raises(InputError, match="wanted one of"):
        BatchEstimator(tmp_path, suffix=".doc")


WORKER = []


def make(out):
    WORKER.append(BatchEstimator(out))


def call(row):
    """The first worker that meets the second file dies of it, as the out-of-memory killer would have it."""
    marker = Path(row["path"]).with_suffix(".died")
    if row["name"] == "b/01.npz" and not marker.exists():
        marker.touch()
        os._exit(9)
    return WORKER[0](row)


def test_a_class_for_workers_travels_by_name(tmp_path):
    """Pools send the class and its options, never an engine."""
    assert pickle.loads(pickle.dumps(BatchEstimator)) is BatchEstimator


@pytest.mark.slow
def test_a_pool_whose_worker_dies_loses_and_doubles_nothing(tmp_path):
    """The same with the standard library: run what is left again until nothing is."""
    todo, out = rows(keypoint_folder(tmp_path / "in")), tmp_path / "out"
    done, rounds = {}, 0
    while len(done) < len(todo):
        rounds += 1
        with ProcessPoolExecutor(2, get_context("spawn"), make, (out,)) as pool:
            futures = [pool.submit(call, row) for row in todo if row["name"] not in done]
            done |= {f.result()["name"]: f.result() for f in futures if f.exception() is None}
    assert rounds > 1 and len(done) == 7 and sum(bool(row["error"]) for row in done.values()) == 1
    assert len(list(out.rglob("*.npz"))) == 6 and not list(out.rglob(".*"))


RAY = """
import os, signal, sys
sys.path[:0] = [os.environ["EXAMPLES"]]
from pathlib import Path
import ray_map
from genmo.runtime.bulk import BatchEstimator

def deadly(self, row, estimate=BatchEstimator.__call__):
    marker = Path(row["path"]).with_suffix(".died")
    if row["name"] == "b/01.npz" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with Path(row["path"]).with_suffix(".calls").open("a") as calls:
        calls.write(f"{os.getpid()}\\n")
    return estimate(self, row)

class Deadly(BatchEstimator):
    __call__ = deadly

ray_map.BatchEstimator = Deadly
sys.exit(ray_map.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_ray_with_two_workers_of_which_one_is_killed(tmp_path):
    """In the environment of GENMO_RAY_PYTHON, or this one; Ray starts processes of its own and stops them."""
    python = os.environ.get("GENMO_RAY_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import ray.data, genmo.runtime"], capture_output=True).returncode:
        pytest.skip(
            'no Ray here: pip install "genmo-motion[scaling]", or name a Python that has it in GENMO_RAY_PYTHON'
        )
    folder = keypoint_folder(tmp_path / "in", 12)
    command = [python, "-c", RAY, str(folder), str(tmp_path / "out"), "--workers", "2"]
    environment = os.environ | {"EXAMPLES": str(ROOT / "examples"), "RAY_DEDUP_LOGS": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"files": 13, "made": 12, "failed": 1}
    assert "broken.npz" in done.stderr and len(list(folder.rglob("*.died"))) == 1
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.npz"))
    assert written == sorted(f"{'b/' if n % 2 else ''}{n:02}.npz.npz" for n in range(12))
    assert not list((tmp_path / "out").rglob(".*")) and all(
        load_motion(tmp_path / "out" / name).frames for name in written
    )
    workers = {pid for path in folder.rglob("*.calls") for pid in path.read_text().split()}
    assert len(workers) >= 2
