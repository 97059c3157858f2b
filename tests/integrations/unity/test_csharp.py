"""Genmo.cs, compiled and run by Mono, against the runtime."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import MotionModel, MotionStream
from genmo.runtime.conditions.constraints import Headings, JointTargets, Keyframes
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.streaming.motion_generator import MotionGenerator
from genmo.runtime.streaming.root_plan import Stick
from genmo.runtime.support import native
from genmo.runtime.support.version import __version__

UNITY = Path(__file__).resolve().parents[3] / "integrations" / "unity"
HEADER = UNITY.parents[1] / "kernels" / "native" / "include" / "genmo" / "genmo.h"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the program says, by the first word of its lines."""
    if native.library() is None:
        pytest.skip(native.description())
    if not shutil.which("mcs") or not shutil.which("mono"):
        pytest.skip("Mono is not installed")
    folder = tmp_path_factory.mktemp("csharp")
    program = folder / "Program.exe"
    sources = UNITY / "Runtime" / "Genmo.cs", UNITY / "Tests~" / "Program.cs"
    done = subprocess.run(["mcs", "-warnaserror", f"-out:{program}", *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(native.library_path(), folder / "libgenmo.so")
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder)}
    done = subprocess.run(["mono", program, SHIPPED], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def python():
    return MotionModel.load(backend="native", threads=1)


def millimetres_off(said, name, expected):
    made = np.array(said[name].split(), np.float64).reshape(-1, 24, 3)
    return 1000 * np.linalg.norm(made - expected, axis=-1).max()


def points():
    """[40, 17, 3] as the program makes them up."""
    frame, point = np.meshgrid(np.arange(40), np.arange(17), indexing="ij")
    return np.stack([600 + 64 * (point % 2) + 2 * frame, 100 + 30 * point + frame % 8, np.full((40, 17), 0.875)], -1)


def test_motions_are_those_of_the_runtime(said, python):
    texts = [Text("a person walks"), Text("a person waves", 10, 30)]
    expected = python.generate(texts, 40, seed=3, steps=2, tries=3)[0].joints_world()
    assert millimetres_off(said, "generate", expected) <= 0.05
    assert said["heard"] == "1" and said["skeleton"] == "pelvis right_hand -1 21"


def test_keyframes_targets_and_headings_are_met_as_in_the_runtime(said, python):
    pose = np.array(said["pose"].split(), np.float64).reshape(24, 4)
    keyframes = Keyframes(
        np.array([35]), matrix_from_quaternion(np.roll(pose, 1, axis=-1))[None], np.array([[0.25, 0.875, 1.5]])
    )
    targets = JointTargets(np.array([20]), np.array([20]), np.array([[0.25, 1.5, np.nan]]))
    headings = Headings(np.array([5]), np.array([0.5]))
    timeline = Timeline(40, keyframes=keyframes, places=targets, headings=headings, seed=3, steps=2)
    assert millimetres_off(said, "met", python.follow(timeline, tries=1).motions[0].joints_world()) <= 0.05
    assert said["unmet"].startswith("the keyframe of frame 36 has no rotations [24, 4], or a root")


def test_endless_motion_is_that_of_the_runtime(said, python):
    generator = MotionGenerator(python, "a person walks", seed=5, steps=2)
    assert millimetres_off(said, "endless", generator.next(20).joints_world()) <= 0.05
    generator.command = Stick((0.5, 1.0))
    generator.next(10)
    generator.prompt = None
    generator.texts = [Text("a person jumps", 40, 60)]
    generator.next(5)
    generator.command = None
    assert millimetres_off(said, "told", generator.next(5).joints_world()) <= 0.05
    pose = np.array(said["pose"].split(), np.float64).reshape(24, 4)
    generator.constrain(
        Keyframes(np.array([48]), matrix_from_quaternion(np.roll(pose, 1, axis=-1))[None], np.full((1, 3), np.nan)),
        JointTargets(np.array([45]), np.array([20]), np.array([[np.nan, 1.5, np.nan]])),
    )
    assert millimetres_off(said, "ahead", generator.next(10).joints_world()) <= 0.05
    assert said["frame"] == "50 True"


def test_keypoints_are_estimated_as_a_file_and_as_a_stream(said, python):
    keypoints = Keypoints(points(), default_intrinsics(1280, 720))
    assert millimetres_off(said, "estimate", python.estimate(keypoints).joints_world()) <= 0.05
    stream = MotionStream(python, image_size=(1280, 720), look_ahead=2)
    pose = [stream.step(frame[None]) for frame in points()[:10]][-1]
    assert millimetres_off(said, "stream", pose.joints_world()) <= 0.05
    assert said["answered"] == "7 1" and said["mirrored"] == "True"


def test_what_cannot_be_is_a_sentence_and_exceptions_of_the_caller_cancel(said):
    assert said["refused"] == '1 text is "!?"; wanted at least one word in Latin letters'
    assert said["cancelled"] == "6"


def test_the_package_is_of_this_version():
    package = json.loads((UNITY / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == __version__
    assert all((UNITY / sample["path"]).is_dir() for sample in package["samples"])


def test_every_structure_has_the_names_of_the_header():
    header, source = (path.read_text(encoding="utf-8") for path in (HEADER, UNITY / "Runtime" / "Genmo.cs"))
    abi = re.search(r"GENMO_ABI (\d+)", header)[1]
    assert f"Abi = {abi};" in source
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    named = {"Options": "options", "Generation": "generation", "Keypoints": "keypoints", "NativeMotion": "motion",
             "NativeText": "text", "NativeKeyframe": "keyframe",
             "NativeHeading": "heading", "GeneratorOptions": "generator_options", "Stick": "stick",
             "StreamOptions": "stream_options", "StreamPose": "stream_pose"}  # fmt: skip
    for ours, theirs in named.items():
        body = re.search(rf"struct genmo_{theirs} {{(.*?)}} genmo_{theirs};", header, re.S)[1]
        wanted = [name for line in body.split(";") for name in re.findall(r"(\w+)\s*(?:,|$)", line.strip())]
        own = re.search(rf"struct {ours}\s*{{(.*?)}}", source, re.S)[1]
        made = [name for line in own.split(";") for name in re.findall(r"(\w+)\s*(?:,|$)", line.strip())]
        assert made == wanted, ours
