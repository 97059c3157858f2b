"""One peer of `native.py`: a process that imports genmo from a checkout and times what it is asked for.

    python native_worker.py CHECKOUT [OPTIONS OF MotionModel.load, JSON]

Reads JSON lines from standard input, `{"case": "estimate", "seconds": 1}`, and answers each with one:
`{"wall_ms": [...], "cpu_ms": 1.2}`; `{"case": "answers", "file": "x.npz"}` writes the motions it makes there, and the
answer says what computed them; "joints" and "joints in C" write those of the estimates of further `keypoints` too,
"ticks" and "ticks in C" those of streams.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
KEYPOINTS = ("dance_keypoints", "dog_keypoints", "juggle_keypoints", "keypoints", "runner_keypoints")
STREAMED = KEYPOINTS[:1]
FRAMES = 120
LOOK_AHEAD, TICKS, PROMPT, BLOCK = 15, 60, "a person walks", 60


def import_from(checkout: Path) -> None:
    """Let `import genmo.runtime` find the one of `checkout`, whatever is installed."""
    links = Path(tempfile.mkdtemp())
    (links / "genmo").mkdir()
    for package in ("runtime", "train", "export"):
        (links / "genmo" / package).symlink_to(checkout / package)
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
    sys.path.insert(0, str(links))


def load() -> Any:
    """The engine that ships, on one thread, with the options given."""
    from genmo.runtime import MotionModel

    return MotionModel.load(threads=1, **json.loads((sys.argv[2:] or ["{}"])[0]))


def calls() -> dict[str, Callable[[], object]]:
    """What can be timed, by name."""
    from genmo.runtime import MotionGenerator, MotionStream, read_keypoints

    model = load()
    keypoints = read_keypoints(EXAMPLES / "dance_keypoints.npz").first(FRAMES)
    stream = MotionStream(model, look_ahead=LOOK_AHEAD, intrinsics=keypoints.intrinsics)
    endless = MotionGenerator(model, PROMPT)
    frames = iter(range(10**9))

    def tick() -> object:
        return stream.step(keypoints.points[None, next(frames) % FRAMES])

    for _ in range(FRAMES):
        tick()
    return {
        "estimate": lambda: model.estimate(keypoints),
        "tick": tick,
        "endless": lambda: endless.next(BLOCK),
        "generate": lambda: model.generate(PROMPT, FRAMES, tries=1),
    }


def stages() -> dict[str, Callable[[], object]]:
    """Stages of the present code, by name."""
    from genmo.runtime import read_keypoints
    from genmo.runtime.refine.foot_locking import clean_feet
    from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose, fit_shape, normalised_rays

    keypoints = read_keypoints(EXAMPLES / "dance_keypoints.npz").first(FRAMES)
    motion = load().estimate(keypoints, fit=False, clean_feet=False)
    assert motion.rotations_camera is not None and motion.root_camera is not None
    pose = CameraPose(motion.rotations_camera, motion.root_camera.translation, motion.rest_offsets)
    rays = normalised_rays(keypoints, FRAMES)
    tick = CameraPose(pose.rotations[:7], pose.root[:7], pose.offsets)
    few = keypoints.first(7)
    return {
        "fit of 120 poses": lambda: fit_pose(pose, keypoints),
        "fit of 7 poses": lambda: fit_pose(tick, few),
        "fit of a shape": lambda: fit_shape(pose, *rays, motion.betas),
        "foot locking": lambda: clean_feet(motion),
        "forward kinematics": motion.kinematics,
    }


def without_network() -> dict[str, Callable[[], object]]:
    """An estimate and a tick whose network answers at once what it answered before."""
    from genmo.runtime.denoiser import sampler

    network, kept = sampler.estimate, {}

    def remembered(denoiser: Any, conditions: Any, shape: Any) -> Any:
        if shape not in kept:
            kept[shape] = network(denoiser, conditions, shape)
        return kept[shape]

    timed = calls()

    def call(name: str) -> object:
        sampler.estimate = remembered
        try:
            return timed[name]()
        finally:
            sampler.estimate = network

    return {f"{name}, all but the network": lambda name=name: call(name) for name in timed}


def answers(file: Path) -> None:
    """Joints, rotations and shapes of estimates and streams of all examples into `file`."""
    from genmo.runtime import MotionStream, read_keypoints

    model, made = load(), {}
    for name in KEYPOINTS:
        keypoints = read_keypoints(EXAMPLES / f"{name}.npz")
        motion = model.estimate(keypoints)
        made |= {f"{name} joints": motion.joints_world(), f"{name} rotations": motion.rotations}
        if name not in STREAMED:
            continue
        stream = MotionStream(model, look_ahead=15, intrinsics=keypoints.intrinsics)
        poses = [stream.step(points[None]) for points in keypoints.points[:FRAMES]]
        made[f"{name} stream joints"] = np.array([pose.joints_world()[0] for pose in poses])
    np.savez(file, **made)


def in_c() -> dict[str, Callable[[], object]]:
    """Estimates by the C interface alone."""
    from c_estimate import Estimator

    from genmo.runtime import read_keypoints
    from genmo.runtime.engine.bundle import SHIPPED

    keypoints = read_keypoints(EXAMPLES / "dance_keypoints.npz").first(FRAMES)
    fp32, fixed = (Estimator(SHIPPED, fast=fast).call(keypoints)[0] for fast in (False, True))
    return {"estimate in C": fp32, "estimate in C, fixed point": fixed}


def streamed_in_c() -> dict[str, Callable[[], object]]:
    """Ticks, blocks of endless motion and motions of a text by the C interface alone."""
    from c_streams import Streams

    from genmo.runtime import read_keypoints
    from genmo.runtime.engine.bundle import SHIPPED

    keypoints = read_keypoints(EXAMPLES / "dance_keypoints.npz").first(FRAMES)
    timed: dict[str, Callable[[], object]] = {}
    for end, fast in (("", False), (", fixed point", True)):
        streams, frames = Streams(SHIPPED, fast), iter(range(10**9))
        tick, _ = streams.ticks(keypoints, LOOK_AHEAD)
        for _ in range(FRAMES):
            tick(next(frames) % FRAMES)
        timed[f"tick streamed in C{end}"] = lambda tick=tick, frames=frames: tick(next(frames) % FRAMES)
        timed[f"endless streamed in C{end}"] = streams.endless(PROMPT, BLOCK)
        timed[f"generate streamed in C{end}"] = streams.generate(PROMPT, FRAMES)
    return timed


def ticks(file: Path, c: bool) -> None:
    """Joints of a stream of every example's first `TICKS` frames, and of a text, into `file`, by the C interface or the
    runtime."""
    from c_streams import Streams

    from genmo.runtime import MotionStream, read_keypoints
    from genmo.runtime.engine.bundle import SHIPPED

    model = Streams(SHIPPED) if c else load()
    text = model.generate(PROMPT, FRAMES)() if c else model.generate(PROMPT, FRAMES, tries=1)[0].joints_world()
    made = {PROMPT: text}
    for name in KEYPOINTS:
        keypoints = read_keypoints(EXAMPLES / f"{name}.npz").first(TICKS)
        keypoints.points[:] = keypoints.points.astype(np.float32)  # as C has them
        if c:
            tick, joints = model.ticks(keypoints, LOOK_AHEAD)
            made[name] = np.array([(tick(frame), joints.copy())[1] for frame in range(keypoints.frames)])
        else:
            stream = MotionStream(model, look_ahead=LOOK_AHEAD, intrinsics=keypoints.intrinsics)
            made[name] = np.array([stream.step(points[None]).joints_world()[0] for points in keypoints.points])
    np.savez(file, **made)


def joints(file: Path, more: list[str], c: bool) -> None:
    """Joints of the estimates of all examples and of further files into `file`, by the C interface or the runtime."""
    from c_estimate import Estimator

    from genmo.runtime import read_keypoints
    from genmo.runtime.engine.bundle import SHIPPED

    made = {}
    model = Estimator(SHIPPED) if c else load()
    for path in [*(EXAMPLES / f"{name}.npz" for name in KEYPOINTS), *map(Path, more)]:
        keypoints = read_keypoints(path)
        if c:
            estimate, arrays = model.call(keypoints)
            estimate()
            made[path.stem] = arrays["joints"]
        else:
            made[path.stem] = model.estimate(keypoints).joints_world()
    np.savez(file, **made)


def computes() -> str:
    """What does the work in the present code."""
    from genmo.runtime.support import native

    return native.description()


def main() -> None:
    """Answer until standard input ends."""
    import_from(Path(sys.argv[1]))
    timed: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["case"] == "answers":
            answers(Path(asked["file"]))
            print(json.dumps({"computes": computes()}), flush=True)
            continue
        if asked["case"].startswith("joints"):
            joints(Path(asked["file"]), asked["keypoints"], asked["case"] == "joints in C")
            print(json.dumps({"computes": computes()}), flush=True)
            continue
        if asked["case"].startswith("ticks"):
            ticks(Path(asked["file"]), asked["case"] == "ticks in C")
            print(json.dumps({"computes": computes()}), flush=True)
            continue
        c = (streamed_in_c,) if " streamed in C" in asked["case"] else (in_c,) if " in C" in asked["case"] else ()
        for make in c or (calls, stages, without_network):
            if asked["case"] not in timed:
                timed |= make()
        call, times = timed[asked["case"]], []
        call()
        cpu, start = time.process_time(), time.perf_counter()
        end = start + asked["seconds"]
        while not times or start < end:
            call()
            now = time.perf_counter()
            times.append(1000 * (now - start))
            start = now
        print(json.dumps({"wall_ms": times, "cpu_ms": 1000 * (time.process_time() - cpu) / len(times)}), flush=True)


if __name__ == "__main__":
    main()
