"""Long motions in chunks: the same answers as in one pass, in memory that does not grow with the motion."""

import json
import sys

import numpy as np
import pytest

from genmo.runtime import InputError, Keyframes, Keypoints, KeypointSpan, MotionModel, Text, Timeline
from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.chunking import (
    CHUNK,
    LONG,
    ChunkedDenoiser,
    chunk_bounds,
    chunk_frames,
    conditions_of,
    receptive_field,
)
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.motion.skeleton import coco_keypoints
from genmo.runtime.refine.reprojection_fit import ITERATIONS, CameraPose, fit_pose
from tests.runtime.runs import run

SHORT = ModelConfig(
    width=8, depth=3, heads=1, window=8, text_width=4, text_tokens=2, video_width=0, music_width=0, mlp_width=8
)


class Brute:
    """A network of `depth` modules of windowed attention as the window is defined, by a loop over rows; a text is
    added where it reaches.  One number a feature, so that it is quick; x_0 depends on everything in reach."""

    def __init__(self, config):
        self.config = config
        self.longest = 0

    def __call__(self, inputs):
        x = inputs["x_t"] + inputs["keypoints"].sum(axis=(2, 3))[..., None] + inputs["timestep"][:, None, None] / 1000
        frames, window = x.shape[1], self.config.window
        self.longest = max(self.longest, frames)
        for _ in range(self.config.depth):
            start = np.clip(np.arange(frames) - window // 2, 0, max(frames - window, 0))
            rows = [
                np.einsum("bwf,bw->bf", x[:, s : s + window], softmax(x[:, s : s + window, 0] * x[:, [i], 1]))
                for i, s in enumerate(start)
            ]
            x = x + np.tanh(np.stack(rows, axis=1))
            for k, (low, high) in enumerate(inputs["text_spans"][0]):
                x[:, low:high] += 0.1 * inputs["text_tokens"][:, k].sum()
        return {"x_0": x.astype(np.float32)}


def softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def random_conditions(frames, batch=1, seed=0):
    random = np.random.default_rng(seed)
    return {
        "keypoints": random.normal(0, 0.1, (batch, frames, 17, 3)).astype(np.float32),
        "keypoints_mask": np.ones((batch, frames), np.float32),
        "text_tokens": random.normal(size=(batch, 3, 2, 4)).astype(np.float32),
        "text_token_mask": np.ones((batch, 3, 2), np.float32),
        "text_spans": np.tile([[0, 20], [35, 61], [61, frames]], (batch, 1, 1)),
    }


def noise_of(frames, batch=1):
    return np.random.default_rng(1).standard_normal((batch, frames, 5), np.float32)


@pytest.mark.parametrize("frames", [17, 40, 97, 200])
@pytest.mark.parametrize("chunk", [16, 23, 64])
def test_a_step_in_chunks_is_the_step(frames, chunk):
    conditions, x_t = random_conditions(frames, 2), noise_of(frames, 2)
    whole = Brute(SHORT)(conditions | {"x_t": x_t, "timestep": np.array([700, 700])})
    brute = Brute(SHORT)
    parts = ChunkedDenoiser(brute, SHORT, chunk)(conditions | {"x_t": x_t, "timestep": np.array([700, 700])})
    np.testing.assert_allclose(parts["x_0"], whole["x_0"], atol=1e-6)
    assert brute.longest <= chunk + 2 * receptive_field(SHORT)


def test_steps_need_no_wider_margin():
    """Five DDIM steps with guidance: chunks are joined after each, so what depends on what grows no further."""
    conditions, noise = random_conditions(200), noise_of(200)
    whole = sampler.generate(Brute(SHORT), conditions, noise, 5, 1.5)["x_0"]
    parts = sampler.generate(ChunkedDenoiser(Brute(SHORT), SHORT, 40), conditions, noise, 5, 1.5)["x_0"]
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_the_reach_is_not_smaller():
    """One frame less around a chunk, and the rows at its border are others."""
    narrow = ChunkedDenoiser(Brute(SHORT), SHORT, 40)
    narrow._margin -= 1
    inputs = random_conditions(200) | {"x_t": noise_of(200), "timestep": np.array([700])}
    assert np.abs(narrow(inputs)["x_0"] - Brute(SHORT)(inputs)["x_0"]).max() > 1e-6


def test_texts_of_a_chunk_are_those_that_reach_it():
    part = conditions_of(random_conditions(200), 30, 62)
    assert part["text_spans"].tolist() == [[[5, 31], [31, 32]]] and part["text_tokens"].shape == (1, 2, 2, 4)
    nobody = conditions_of(random_conditions(200), 20, 35)
    assert nobody["text_spans"].tolist() == [[[0, 0]]] and nobody["keypoints"].shape == (1, 15, 17, 3)


@pytest.mark.parametrize(("frames", "chunk"), [(1, 16), (16, 16), (17, 16), (100, 30), (18000, CHUNK)])
def test_borders_cover_every_frame_once(frames, chunk):
    bounds = chunk_bounds(frames, chunk)
    assert bounds[0][0] == 0 and bounds[-1][1] == frames
    assert all(a[1] == b[0] for a, b in zip(bounds[:-1], bounds[1:], strict=True))
    lengths = [end - start for start, end in bounds]
    assert max(lengths) <= chunk and max(lengths) - min(lengths) <= 1


def test_when_a_motion_is_made_in_chunks():
    assert chunk_frames(SHORT, LONG, None) == 0 and chunk_frames(SHORT, LONG + 1, None) == CHUNK
    assert chunk_frames(SHORT, 10**6, 0) == 0
    assert chunk_frames(SHORT, 16, 16) == 0 and chunk_frames(SHORT, 17, 16) == 16
    for chunk in (-1, 1, 15):
        with pytest.raises(InputError, match="two windows"):
            chunk_frames(SHORT, 100, chunk)


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


@pytest.fixture(scope="module")
def keypoints(random_motion):
    motion = random_motion(700, 5)
    points = motion.moved(np.diag([-1.0, -1.0, 1.0]), np.array([0, 1, 4.0]))
    points_camera = coco_keypoints(*points.kinematics())
    intrinsics = default_intrinsics(640, 480)
    pixels = intrinsics[0, 0] * points_camera[..., :2] / np.maximum(points_camera[..., 2:], 1) + intrinsics[:2, 2]
    return Keypoints(np.concatenate([pixels, np.ones((700, 17, 1))], -1), intrinsics)


def assert_same_joints(one, other):
    """Mean within the gate of a float32 engine, 0.05 mm; nowhere 2 mm.

    A chunk is a batch of another shape, whose sums are rounded in another order, on each processor in its own.  Random
    weights make much of that where a 6D rotation is nearly degenerate; a chunk without its margin is metres away.
    """
    error = np.linalg.norm(one - other, axis=-1)
    assert error.mean() < 5e-5 and error.max() < 2e-3


def compare(one, other):
    assert_same_joints(one.joints_world(), other.joints_world())
    np.testing.assert_allclose(one.contacts, other.contacts, atol=0.01)  # probabilities, of which only > 0.5 matters


def test_an_engine_in_chunks_estimates_the_same(model, keypoints):
    reported = []
    (whole,), _ = run(model, keypoints=keypoints, chunk=0)
    (parts,), _ = run(model, keypoints=keypoints, chunk=240, progress=reported.append)
    compare(whole, parts)
    assert (
        reported == sorted(reported)
        and reported[-1] == 1
        and len(reported) == 4
        and reported[0] == pytest.approx(1 / 18)
    )


def test_an_engine_in_chunks_generates_the_same(model, random_motion, keypoints):
    """Texts that overlap, a gap without one, keypoints in the middle, keyframes: all that a timeline can hold."""
    motion = random_motion(8, 3)
    timeline = Timeline(
        frames=600,
        texts=(Text("walk", 0, 250), Text("jump", 230, 300), Text("kick", 400, 600)),
        keypoints=(KeypointSpan(keypoints.first(100), start=260),),
        keyframes=Keyframes(np.array([120, 500]), motion.rotations[:2], motion.translation[:2]),
        seed=4,
    )
    whole, parts = (model.follow(timeline, samples=2, chunk=chunk).motions for chunk in (0, 240))
    for one, other in zip(whole, parts, strict=True):
        compare(one, other)


def test_a_long_fit_is_the_fit(keypoints, random_motion, monkeypatch):
    motion = random_motion(300, 5)
    pose = CameraPose(motion.rotations, motion.translation + [0, 0, 4], motion.rest_offsets)
    reported = []
    whole = fit_pose(pose, keypoints.first(280))
    monkeypatch.setattr("genmo.runtime.refine.reprojection_fit.CHUNK", 70)
    parts = fit_pose(pose, keypoints.first(280), progress=reported.append)
    np.testing.assert_allclose(parts.rotations, whole.rotations, atol=1e-9)
    np.testing.assert_allclose(parts.root, whole.root, atol=1e-9)
    assert reported == [70 / 300, 140 / 300, 210 / 300, 280 / 300, 1]
    assert ITERATIONS < 70


def test_the_command_takes_a_chunk(tiny_engine, tmp_path, capsys):
    from genmo.runtime.cli.run import main

    command = ["--engine", str(tiny_engine), "--threads", "1", "--text", "walk", "--frames", "500", "--json"]
    for chunk, name in ((0, "whole"), (240, "parts")):
        assert main([*command, "--chunk", str(chunk), "--out", str(tmp_path / f"{name}.npz")]) == 0
        assert json.loads(capsys.readouterr().out)["frames"] == 500
    whole, parts = (np.load(tmp_path / f"{name}.npz")["joints_world"] for name in ("whole", "parts"))
    assert_same_joints(whole, parts)
    assert main([*command, "--chunk", "100", "--out", str(tmp_path / "no.npz")]) == 2
    assert "two windows" in capsys.readouterr().err


LONG_RUN = """
import resource, sys
import numpy as np
from genmo.runtime import Keypoints, MotionModel, Text, read_keypoints
kind, chunk = sys.argv[1], int(sys.argv[2]) if sys.argv[2] != "None" else None
model = MotionModel.load(threads=1)
if kind == "keypoints":
    short = read_keypoints(sys.argv[3])
    frames = np.arange(18000) % (2 * short.frames - 2)
    frames = np.where(frames < short.frames, frames, 2 * short.frames - 2 - frames)
    motion = run(model, keypoints=Keypoints(short.points[frames], short.intrinsics), chunk=chunk)[0][0]
else:
    texts = [Text(prompt, 3000 * n, 3000 * n + 3000) for n, prompt in enumerate(["walk", "run", "jump"] * 2)]
    motion = run(model, texts, frames=18000, chunk=chunk)[0][0]
assert motion.frames == 18000 and np.isfinite(motion.joints_world()).all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
@pytest.mark.parametrize("kind", ["keypoints", "texts"])
@pytest.mark.parametrize("chunk", [0, None])
def test_ten_minutes_fit_in_four_gigabytes(python, tmp_path, kind, chunk):
    """The engine that ships, in one pass and as it is made without being asked; peak of a process of its own."""
    from pathlib import Path

    example = Path(__file__).resolve().parents[3] / "examples" / "keypoints.npz"
    done = python(["-c", LONG_RUN, kind, str(chunk), str(example)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    print(f"{kind}, chunk {chunk}: {float(done.stdout):.2f} GiB")
    assert float(done.stdout) < 4
