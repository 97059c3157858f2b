"""Puts a page together that makes motions by itself: module, engine, viewer, and a motion to compare with.

    python integrations/web/pack.py build/web/kernels/native/genmo.wasm build/web/page

`make web` runs it.  The folder is static: any web server can serve it, and `npm publish` takes it as it is.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.runtime import MotionGenerator, MotionModel, Stick, read_keypoints, save_motion
from genmo.runtime.conditions.constraints import Headings, JointTargets, Keyframes
from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.motion.rotation import quaternion_from_matrix

HERE = Path(__file__).parent
SCRIPTS = ("genmo.js", "worker.js", "index.html", "package.json", "README.md")
ENGINE = ("engine.json", "conditions.onnx", "texts.onnx", "step.onnx", "text_encoder.npz", "text_vocabulary.txt")
ENGINE += ("text_reader.npz", "examples.npz")
MOST = 30e6
"""bytes of the whole page"""
TEXT, FRAMES, SEED = "a person walks forward, then waves with the right hand", 90, 3


def pack(module: Path, out: Path) -> int:
    """Fill the folder `out`; the bytes of what a page loads."""
    (out / "engine").mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        shutil.copyfile(HERE / name, out / name)
    shutil.copyfile(module, out / "genmo.wasm")
    for name in ENGINE:
        shutil.copyfile(SHIPPED / name, out / "engine" / name)
    shutil.copyfile(HERE.parents[1] / "LICENSE", out / "LICENSE")
    model = MotionModel.load(threads=1)
    standing = model.generate("a person stands", 30, steps=1, tries=1)[0]
    save_motion(out / "viewer.html", standing)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    shutil.copytree(HERE / "test", out / "test", dirs_exist_ok=True)
    (out / "test" / "expected.json").write_text(json.dumps(expected(model)))
    return size


def expected(model: MotionModel) -> dict[str, object]:
    """What the page's tests compare with: joints of a text, of keypoints, and of endless motion that is steered."""
    keypoints = read_keypoints(HERE.parents[1] / "examples" / "runner_keypoints.npz")
    width, height = keypoints.intrinsics[:2, 2] * 2
    seen = replace(keypoints, intrinsics=default_intrinsics(width, height), camera=None)
    person = MotionGenerator(model, "a person waves", seed=SEED)
    parts = [person.next(40)]
    person.prompt, person.command = None, Stick((0.3, 1.2))
    parts += [person.next(20)]
    joints = {
        "joints": model.generate(TEXT, FRAMES, seed=SEED, tries=1)[0].joints_world(),
        "estimated": model.estimate(seen).joints_world(),
        "endless": np.concatenate([part.joints_world() for part in parts]),
    }
    keyframes, targets, headings = constraints(model)
    timeline = Timeline(40, keyframes=keyframes, places=targets, headings=headings, seed=SEED)
    joints_met = model.follow(timeline, tries=1).motions[0].joints_world()
    quaternions = np.roll(quaternion_from_matrix(keyframes.rotations[0]), -1, axis=-1)
    met = {
        "frames": timeline.frames,
        "keyframes": [{"frame": 30, "rotations": quaternions.ravel().tolist(), "root": keyframes.root[0].tolist()}],
        "targets": [{"frame": 15, "joint": 20, "position": [0.25, 1.5, None]}],
        "headings": [{"frame": 5, "radians": 0.5}],
        "joints": joints_met.round(7).ravel().tolist(),
    }
    told = {"met": met, "text": TEXT, "frames": FRAMES, "seed": SEED, "points": keypoints.points.ravel().tolist()}
    told |= {"width": width, "height": height}
    return told | {name: array.round(7).ravel().tolist() for name, array in joints.items()}


def constraints(model: MotionModel) -> tuple[Keyframes, JointTargets, Headings]:
    """A pose of a dance, a place for the left hand of which the depth is free, and a heading."""
    pose = model.generate("a person dances", 20, steps=2, tries=1)[0].rotations[10:11]
    return (
        Keyframes(np.array([30]), pose, np.array([[0.25, 0.875, 1.5]])),
        JointTargets(np.array([15]), np.array([20]), np.array([[0.25, 1.5, np.nan]])),
        Headings(np.array([5]), np.array([0.5])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="put the page together")
    parser.add_argument("module", type=Path, help="genmo.wasm")
    parser.add_argument("out", type=Path, help="folder of the page")
    options = parser.parse_args()
    size = pack(options.module, options.out)
    print(f"{options.out}: {size / 1e6:.1f} MB")
    if size > MOST:
        raise SystemExit(f"{options.out}: {size / 1e6:.1f} MB; wanted at most {MOST / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
