"""`genmo-run --bench`: how fast this engine is here, as a table or as JSON.

Everything runs as it does in use: keypoints with noise in, poses out of `MotionStream.step`, whole motions with the
fit and clean feet.  Times are of this machine in this minute; what else runs on it counts in.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.denoiser.conventions import GENMO
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS, coco_keypoints, forward_kinematics, shape_space
from genmo.runtime.streaming.motion_stream import MotionStream
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.cpus import usable_cpus
from genmo.runtime.support.progress import ProgressCallback

FRAME_MS = 1000 / FPS
SECONDS = 2.0
"""for each row, and a few calls at least"""
FEWEST, MOST = 3, 1000
LOOK_AHEAD = 15
CROWD = 8
LENGTHS = (120, 1800)
SIZE = (1280.0, 720.0)
SWING = {"left_hip": 0.5, "right_hip": -0.5, "left_shoulder": -0.4, "right_shoulder": 0.4, "left_elbow": -0.3}
"""radians about the x axis, to and fro"""


@dataclass(frozen=True)
class Row:
    """The times of one thing that genmo does."""

    name: str
    calls: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """processor time of a call, all threads together"""
    frames: int
    """frames that a call makes"""

    @property
    def frames_per_second(self) -> float:
        return 1000 * self.frames / self.p50_ms


def swinging_person(frames: int) -> Keypoints:
    """Keypoints of somebody who swings legs and arms in front of a camera, a pixel of noise on them."""
    angles = np.zeros((frames, len(JOINTS), 3))
    for name, size in SWING.items():
        angles[:, JOINTS.index(name), 0] = size * np.sin(2 * np.pi * np.arange(frames) / FPS)
    rotations = matrix_from_axis_angle(angles)
    rotations[:, 0] = np.diag([1.0, -1.0, -1.0])  # upright before a camera whose y is down
    offsets = shape_space().offsets(np.zeros(10))
    points = coco_keypoints(*forward_kinematics(rotations, np.tile([0.0, 0.0, 4.0], (frames, 1)), offsets))
    intrinsics = default_intrinsics(*SIZE)
    pixels = intrinsics[0, 0] * points[..., :2] / points[..., 2:] + intrinsics[:2, 2]
    pixels += np.random.default_rng(0).standard_normal(pixels.shape)
    return Keypoints(np.concatenate([pixels, np.ones((frames, 17, 1))], axis=-1), intrinsics)


def timed(name: str, frames: int, call: Callable[[], object], seconds: float = SECONDS) -> Row:
    """Call for a while; the first call, which makes what later ones keep, does not count."""
    call()
    wall: list[float] = []
    spent, end = time.process_time(), time.perf_counter() + seconds
    while len(wall) < FEWEST or (time.perf_counter() < end and len(wall) < MOST):
        start = time.perf_counter()
        call()
        wall.append(1000 * (time.perf_counter() - start))
    p50, p99 = np.percentile(wall, [50, 99])
    return Row(name, len(wall), float(p50), float(p99), 1000 * (time.process_time() - spent) / len(wall), frames)


def stream_tick(model: MotionModel, people: int, keypoints: Keypoints) -> Callable[[], object]:
    """A tick of a stream whose windows are full."""
    stream = MotionStream(model, look_ahead=LOOK_AHEAD, people=people, intrinsics=keypoints.intrinsics)
    frames = np.repeat(keypoints.points[:, None], people, axis=1)
    index = 0

    def tick() -> Array:
        nonlocal index
        index = (index + 1) % len(frames)
        return stream.step(frames[index]).translation

    for _ in range(model.engine.config.window):
        tick()
    return tick


def bench(model: MotionModel, progress: ProgressCallback, seconds: float = SECONDS) -> list[Row]:
    """All rows: streams where the engine's layout allows them, estimation, generation where it takes texts.

    `progress` hears the share that is done.
    """
    keypoints = swinging_person(max(LENGTHS))
    works: list[tuple[str, int, Callable[[], Callable[[], object]]]] = []
    if "root_translation_camera" in model.engine.config.motion_layout.slices:
        works += [
            (f"stream, 1 person, look-ahead {LOOK_AHEAD}", 1, partial(stream_tick, model, 1, keypoints)),
            (f"stream, {CROWD} people in one", CROWD, partial(stream_tick, model, CROWD, keypoints)),
        ]
    for frames in LENGTHS:
        estimate = partial(model.estimate, keypoints.first(frames))
        works.append((f"estimate {frames} frames", frames, partial(_itself, estimate)))
    if model.engine.text_encoder is not None:
        name = f"generate {LENGTHS[0]} frames in {GENMO.steps} steps"
        generate = partial(model.generate, "a person walks", LENGTHS[0])
        works.append((name, LENGTHS[0], partial(_itself, generate)))
    rows = []
    for number, (name, frames, make) in enumerate(works, start=1):
        rows.append(timed(name, frames, make(), seconds))
        progress(number / len(works))
    return rows


def _itself(call: Callable[[], object]) -> Callable[[], object]:
    """What needs nothing to be made ready."""
    return call


def facts(model: MotionModel, threads: int) -> dict[str, object]:
    """What ran, and where."""
    usable = len(usable_cpus())
    return {
        "engine": str(model.engine.folder),
        "backend": model.backend,
        "device": model.device,
        "threads": threads or usable,
        "cores": usable,
        "machine": f"{platform.system()} {platform.machine()}",
        "load_ms": round(model.load_ms, 1),
    }


def as_json(rows: list[Row], run: dict[str, object]) -> dict[str, object]:
    """What `--json` prints."""
    measured = [
        {
            "what": row.name,
            "calls": row.calls,
            "p50_ms": round(row.p50_ms, 3),
            "p99_ms": round(row.p99_ms, 3),
            "cpu_ms": round(row.cpu_ms, 3),
            "frames_per_second": round(row.frames_per_second, 1),
        }
        for row in rows
    ]
    return run | {"bench": measured}


def table(rows: list[Row], run: dict[str, object]) -> str:
    """The rows for people."""
    lines = [f"{name}: {value}" for name, value in run.items()]
    lines += ["", f"{'':36} {'p50 ms':>9} {'p99 ms':>9} {'CPU ms':>9} {'frames/s':>9} {'calls':>6}"]
    for row in rows:
        times = f"{row.p50_ms:9.2f} {row.p99_ms:9.2f} {row.cpu_ms:9.2f}"
        lines.append(f"{row.name:36} {times} {row.frames_per_second:9.0f} {row.calls:6}")
    tick = rows[0]
    if tick.frames == 1:
        keeps = "keeps" if tick.p99_ms < FRAME_MS else "does not keep"
        lines += [
            "",
            f"One person {keeps} 30 frames a second here: 99 of 100 ticks take less than {tick.p99_ms:.1f} ms; "
            f"a frame is {FRAME_MS:.1f} ms.",
        ]
    return "\n".join(lines)
