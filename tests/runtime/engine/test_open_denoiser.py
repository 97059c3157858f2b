"""The library and the device that are named are those that run, or an error says what to install."""

import importlib.util
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import BackendError, InputError, MotionModel, Text
from genmo.runtime.cli import bench
from genmo.runtime.cli.run import main
from genmo.runtime.cli.run_parser import parser as argument_parser
from genmo.runtime.denoiser.conventions import GENMO
from genmo.runtime.engine.open_denoiser import BACKENDS, DEVICES, choose_backend
from genmo.runtime.support import native
from genmo.runtime.support.cpus import usable_cpus
from tests.runtime.runs import run


def without(monkeypatch, *libraries):
    for name in libraries:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ((None, None, None), ("onnxruntime", "cpu")),
        ((None, "cpu", None), ("onnxruntime", "cpu")),
        ((None, "cuda", None), ("onnxruntime", "cuda")),
        ((None, None, "bf16"), ("openvino", "cpu")),
        ((None, None, "i16"), ("native", "cpu")),
        (("native", None, "fp32"), ("native", "cpu")),
        (("onnxruntime", None, None), ("onnxruntime", "cpu")),
        (("onnxruntime", "cuda", None), ("onnxruntime", "cuda")),
        (("openvino", None, "fp32"), ("openvino", "cpu")),
        (("tensorrt", None, None), ("tensorrt", "cuda")),
    ],
)
def test_what_is_chosen(asked, chosen):
    assert choose_backend(*asked) == chosen


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("tflite", None, None), "backend is 'tflite'; wanted one of native, onnxruntime, openvino, tensorrt"),
        ((None, "tpu", None), "device is 'tpu'; wanted one of cpu, cuda"),
        (("openvino", None, "int4"), "precision is 'int4'; wanted one of fp32, bf16, i16"),
        (("openvino", "cuda", None), "wanted the backend onnxruntime or tensorrt for it"),
        (("tensorrt", "cpu", None), "wanted the backend native or onnxruntime or openvino for it"),
        (("onnxruntime", None, "bf16"), "genmo-export --precision bf16"),
        (("onnxruntime", None, "i16"), "which computes as the engine was exported; wanted the backend native"),
        (("native", None, "bf16"), "native computes in fp32 or i16: wanted openvino"),
        (("native", "cuda", None), "wanted the backend onnxruntime or tensorrt for it"),
    ],
)
def test_what_does_not_go_together(asked, message):
    with pytest.raises(InputError) as caught:
        choose_backend(*asked)
    assert message in str(caught.value)


def test_without_a_name_what_is_installed_runs(monkeypatch):
    without(monkeypatch, "onnxruntime")
    if importlib.util.find_spec("openvino"):
        assert choose_backend(None, None, None) == ("openvino", "cpu")
    without(monkeypatch, "openvino")
    with pytest.raises(
        BackendError, match=r'pip install "genmo-motion\[cpu\]", or pip install "genmo-motion\[openvino\]"'
    ):
        choose_backend(None, None, None)
    assert choose_backend(None, None, None, has_native=True) == ("native", "cpu")


@pytest.mark.parametrize(
    ("options", "missing", "command"),
    [
        (["--backend", "onnxruntime"], ["onnxruntime"], 'pip install "genmo-motion[cpu]"'),
        (["--backend", "onnxruntime", "--device", "cuda"], ["onnxruntime"], 'pip install "genmo-motion[gpu]"'),
        (["--device", "cuda"], [], 'pip install "genmo-motion[gpu]"'),
        (["--backend", "openvino"], ["openvino"], 'pip install "genmo-motion[openvino]"'),
        (["--backend", "tensorrt"], ["tensorrt", "tensorrt_rtx"], 'pip install "genmo-motion[tensorrt]"'),
    ],
)
def test_a_named_library_that_is_missing_is_one_line(tmp_path, capsys, monkeypatch, options, missing, command):
    without(monkeypatch, *missing)
    if not missing and importlib.util.find_spec("onnxruntime"):
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    status = main([*options, "--text", "walk", "--frames", "4", "--out", str(tmp_path / "w.npz")])
    errors = capsys.readouterr().err
    assert status == 2 and errors.startswith("genmo-run: error: ") and errors.count("\n") == 1
    assert command in errors and not list(tmp_path.iterdir())


def test_every_backend_has_a_module():
    for name in BACKENDS:
        assert importlib.util.find_spec(f"genmo.runtime.engine.backends.{name}") is not None
        assert DEVICES[name]


@pytest.mark.parametrize("options", [["--backend", "onnxruntime"], ["--backend", "openvino"], ["--precision", "bf16"]])
def test_what_really_ran_is_reported(tiny_engine, tmp_path, capsys, options):
    pytest.importorskip("openvino")
    common = ["--engine", str(tiny_engine), "--threads", "1", "--text", "walk", "--frames", "4", "--steps", "1"]
    assert main([*common, *options, "--json", "--out", str(tmp_path / "w.npz")]) == 0
    report = json.loads(capsys.readouterr().out)
    expected = options[1] if options[0] == "--backend" else "openvino"
    assert report["backend"].split()[0] == expected and report["device"] == "cpu"
    assert ("bf16" in report["backend"]) == ("bf16" in options)
    assert main([*common, *options, "--out", str(tmp_path / "w.npz")]) == 0
    assert f"genmo-run: note: the engine ran in {report['backend']} on cpu\n" in capsys.readouterr().err


def test_what_happens_is_logged(tiny_engine, caplog):
    with caplog.at_level(logging.INFO, logger="genmo.runtime"):
        model = MotionModel.load(tiny_engine, threads=1)
        model.generate("walk", 300, steps=1)
        run(model, [Text("walk")], frames=300, steps=1, chunk=240)
    lines = [record.getMessage() for record in caplog.records]
    assert f"engine {tiny_engine} runs in onnxruntime CPUExecutionProvider on cpu" in lines
    assert "300 frames in chunks of at most 240, with 72 around them" in lines


@pytest.mark.parametrize("backend", ["native", "onnxruntime", "openvino"])
@pytest.mark.parametrize("threads", [-1, 10**400])
def test_threads_that_no_library_can_start_are_one_line(capsys, tmp_path, backend, threads):
    """Before the library is asked, which would start them, or raise what is its own."""
    if backend == "native" and native.library() is None:
        pytest.skip(native.description())
    pytest.importorskip("openvino" if backend == "openvino" else "onnxruntime")
    given = ["--text", "walk", "--backend", backend, "--threads", str(threads), "--out", str(tmp_path / "o.npz")]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert "wanted 0 (all cores) to 1024" in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_many_threads_one_model_the_same_motions(tiny_engine):
    """What one thread makes alone, eight make at once; each of them other lengths and conditions in turn."""
    model = MotionModel.load(tiny_engine, threads=1)
    jobs = [(prompt, frames, seed) for prompt in ("walk", "jump") for frames in (7, 61, 130) for seed in (0, 1)]

    def make(job):
        prompt, frames, seed = job
        return model.generate(prompt, frames, seed=seed, steps=2)[0]

    alone = [make(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(make, jobs * 3))
    for job, motion in zip(jobs * 3, together, strict=True):
        expected = alone[jobs.index(job)]
        for name in ("rotations", "translation", "contacts", "betas"):
            np.testing.assert_array_equal(getattr(motion, name), getattr(expected, name))


@pytest.mark.end_to_end
def test_bench_measures_streams_and_whole_motions(tiny_engine, capsys, monkeypatch):
    monkeypatch.setattr(bench, "LENGTHS", (5, 130))
    monkeypatch.setattr(bench, "CROWD", 2)
    monkeypatch.setattr(bench, "FEWEST", 2)
    monkeypatch.setattr(bench.bench, "__defaults__", (0.0,))  # seconds
    assert main(["--bench", "--engine", str(tiny_engine), "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["what"]: row for row in report["bench"]}
    assert list(rows) == [
        "stream, 1 person, look-ahead 15",
        "stream, 2 people in one",
        "estimate 5 frames",
        "estimate 130 frames",
        f"generate 5 frames in {GENMO.steps} steps",
    ]
    assert report["backend"] == "onnxruntime CPUExecutionProvider" and report["threads"] == 1
    for row in rows.values():
        assert 0 < row["p50_ms"] <= row["p99_ms"] and row["cpu_ms"] > 0 and row["calls"] == 2
    row = rows["estimate 130 frames"]
    assert row["frames_per_second"] == pytest.approx(130_000 / row["p50_ms"], rel=1e-2)


@pytest.mark.parametrize(("p99", "verdict"), [(33.2, "keeps 30 frames"), (33.4, "does not keep 30 frames")])
def test_bench_prints_a_table(p99, verdict):
    rows = [bench.Row("stream", 100, 15.0, p99, 14.0, 1), bench.Row("estimate 120 frames", 9, 50.0, 60.0, 55.0, 120)]
    lines = bench.table(rows, {"engine": "small"}).splitlines()
    assert lines[0] == "engine: small" and "p99 ms" in lines[2]
    assert lines[4].split() == ["estimate", "120", "frames", "50.00", "60.00", "55.00", "2400", "9"]
    assert verdict in lines[-1]


def test_percentiles_of_a_bench_are_of_its_calls(monkeypatch):
    clock = iter([0.0, *(t for n in range(100) for t in (n, n + 0.001 * (n + 1))), 1e3])
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(bench, "FEWEST", 100)
    row = bench.timed("nothing", 30, lambda: None, seconds=0.0)
    assert (row.calls, row.p50_ms, row.p99_ms) == (100, pytest.approx(50.5), pytest.approx(99.01))
    assert row.frames_per_second == pytest.approx(30 / 0.0505)


def test_the_person_of_the_bench_is_seen_whole():
    points = bench.swinging_person(30).points
    assert (points[..., 2] == 1).all() and np.ptp(points[..., 1]) > 200
    assert (points[..., :2] > 0).all() and (points[..., :2] < bench.SIZE).all()
    assert points[:, 0, 1].mean() < points[:, 15:, 1].mean() - 200  # the nose is above the ankles


PINNED = """
import os, sys
from pathlib import Path
from genmo.runtime import MotionModel
before = set(os.listdir("/proc/self/task"))
model = MotionModel.load(sys.argv[1], backend="onnxruntime", cpus=(1, 0))
model.generate("walk", 5, steps=1)
for thread in set(os.listdir("/proc/self/task")) - before:
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    print(status.split("Cpus_allowed_list:")[1].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists() or not {0, 1} <= usable_cpus(), reason="wants Linux, two CPUs")
def test_threads_stay_on_their_cpus(tiny_engine, python, tmp_path):
    """One thread beside the calling one for each of the three graphs, on the second CPU of the list."""
    done = python(["-c", PINNED, str(tiny_engine)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split().count("0") == 3


STAYS = """
import os, sys, threading
from pathlib import Path
waits = threading.Event()
threading.Thread(target=waits.wait, daemon=True).start()  # there before, as a library's pool is
from genmo.runtime.cli.run import main
from genmo.runtime.cli.run_parser import parser as argument_parser
assert main(sys.argv[1:]) == 0
for thread in os.listdir("/proc/self/task"):
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    print("on", status.split("Cpus_allowed_list:")[1].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists() or not {0, 1} <= usable_cpus(), reason="wants Linux, two CPUs")
def test_the_command_stays_on_its_cpus_with_all_threads(tiny_engine, python, tmp_path):
    options = ["--engine", str(tiny_engine), "--cpus", "1", "--text", "walk", "--frames", "4", "--steps", "1"]
    done = python(["-c", STAYS, *options, "--out", str(tmp_path / "w.npz")], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    threads = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("on ")]
    assert len(threads) >= 2 and set(threads) == {"1"}


def test_cpus_that_cannot_be(tiny_engine):
    for options, said in (
        ({"cpus": (0, 0)}, "cpus is [0, 0]; wanted different ones of"),
        ({"cpus": (10_000,)}, "cpus is [10000]; wanted different ones of"),
        ({"cpus": (0,), "threads": 2}, "threads is 2 and cpus has 1"),
        ({"cpus": (0,), "backend": "openvino"}, "wanted the backend onnxruntime on cpu"),
    ):
        with pytest.raises(InputError) as caught:
            MotionModel.load(tiny_engine, **{"backend": "onnxruntime"} | options)
        assert said in str(caught.value)


def test_cpus_are_numbers_and_ranges():
    parse = argument_parser().parse_args
    assert parse(["--cpus", "0-3,6"]).cpus == (0, 1, 2, 3, 6)
    for text in ("a", "0-", "-1", "1-x", "", "0..3", "0-99999"):
        with pytest.raises(SystemExit):
            parse([f"--cpus={text}"])


def test_cpus_on_the_command_line(tiny_engine, tmp_path, capsys):
    common = ["--engine", str(tiny_engine), "--text", "walk", "--frames", "4", "--steps", "1"]
    with pytest.raises(SystemExit) as caught:
        main([*common, "--cpus", "a", "--out", str(tmp_path / "w.npz")])
    assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    assert main([*common, "--cpus", "99999", "--out", str(tmp_path / "w.npz")]) == 2
    assert "cpus is [99999]" in capsys.readouterr().err and not list(tmp_path.iterdir())
