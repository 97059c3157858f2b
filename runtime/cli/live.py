"""genmo-live: a camera, a video or keypoints in real time in, or a performer who is told what to do; VMC over UDP and a
browser view out."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from genmo.runtime.cli.live_lines import Lines
from genmo.runtime.cli.live_perform import Performance, greeting, perform, performer
from genmo.runtime.cli.run_options import DETECTOR_HELP, POSE_HELP, flag, parse_image_size
from genmo.runtime.denoiser.sampler import LIVE_STEPS
from genmo.runtime.live.browser_view import LiveView, event
from genmo.runtime.live.frame_clock import FrameClock, LatestQueue, TimedKeypoints
from genmo.runtime.live.sources import Source, image_source, keypoint_source, opened_video
from genmo.runtime.live.vmc import PORT, VmcSender, humanoid_pose, parse_address
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.readers.subjects import ALL, LARGEST, read_subjects
from genmo.runtime.streaming.motion_ahead import LEAD
from genmo.runtime.streaming.motion_stream import MotionStream
from genmo.runtime.streaming.stream_pose import StreamPose
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.cli import OneLineParser, run_main, say
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.pose_finder import check_pose_options, open_people_finder
from genmo.runtime.video.poses import surest_first

PROGRAM = "genmo-live"
LOOK_AHEAD = 5
REMEMBERED = 9000
"""latencies that the percentiles are of: five minutes"""
OF_SOURCE = {
    "keypoints": ("person", "image_size", "fps", "camera", "look_ahead", "stride"),
    "video": ("pose", "detector", "look_ahead", "stride"),
    "text": ("path", "start", "listen", "lead", "seed", "steps"),
}
"""options that belong to one or two of the sources"""
REPORT_EVERY = 1.0
"""seconds between two lines on a terminal"""


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Estimate motion live, or perform what is told, and send it on.",
        epilog="Example: genmo-live --keypoints examples/keypoints.npz --vmc 127.0.0.1:39539 --view-port 8440",
    )
    source = options.add_argument_group("where the person is seen")
    add = source.add_argument
    add(
        "--keypoints",
        action="once",
        metavar="FILE|DIR",
        help="keypoints that genmo-run reads, played at the speed of life",
    )
    add("--video", action="once", metavar="FILE|N", help="a video at the speed of life, or the camera of that number")
    add("--pose", metavar="NAME|FILE.onnx", help=POSE_HELP)
    add("--detector", metavar="FILE.onnx", help=DETECTOR_HELP)
    add("--person", metavar="largest|ID", help="who of several people in --keypoints (default: largest)")
    add("--image-size", metavar="WxH", help="in pixels, where the keypoint file does not say")
    add("--fps", type=float, metavar="F", help="rate of the keypoints, where the file does not say (default: 30)")
    add("--camera", action="once", metavar="FILE|DIR", help="camera of the keypoints")
    performing = options.add_argument_group("or an endless performer, told by lines what to do")
    add = performing.add_argument
    add(
        "--text",
        action="once",
        metavar="PROMPT",
        help="what the person does at first; then every line typed is a prompt or an order",
    )
    add(
        "--path",
        action="once",
        metavar="PATH",
        help="where they go: 'X,Z X,Z ... @SPEED' (metres, m/s), or a constraints .npz",
    )
    add(
        "--start",
        action="once",
        metavar="FILE",
        help="go on from the end of this .bvh, .glb, .gltf, .vrm, .npz or .npy",
    )
    add("--listen", type=int, metavar="P", help="take lines as UDP datagrams on this port of 127.0.0.1 too; 0: any")
    add("--lead", type=int, metavar="N", help=f"frames made ahead, and the delay of an order (default: {LEAD})")
    add("--steps", type=int, metavar="K", help=f"denoising steps (default: {LIVE_STEPS}; 3 is cheaper)")
    add("--seed", type=int, metavar="S", help="of the performer (default: 0)")
    add = options.add_argument_group("where it is sent").add_argument
    add("--vmc", metavar="HOST:PORT", help=f"Virtual Motion Capture protocol over UDP (port: {PORT})")
    add("--view-port", type=int, metavar="P", help="a browser view on this port of 127.0.0.1; 0: any free one")
    add = options.add_argument_group("how").add_argument
    add("--look-ahead", type=int, metavar="N",
        help=f"frames of the future that a pose knows, each 33 ms late; 0 to 60 (default: {LOOK_AHEAD})")  # fmt: skip
    add("--stride", type=int, metavar="N", help="run the network every N frames (default: 1)")
    add("--seconds", type=float, metavar="S", help="end after so long (default: when the source ends, or Ctrl-C)")
    add("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    add("--device", choices=("cpu", "cuda"), help="where the networks run (default: cpu)")
    add("--threads", type=int, default=0, metavar="n", help="CPU threads (default: all cores)")
    add("--json", action="store_true", help="print one JSON object at the end")
    return options


@dataclass(frozen=True)
class LiveOptions:
    """What `genmo-live` was asked to do."""

    keypoints: str | None
    video: str | None
    """a file, or the number of a camera"""
    pose: str | None
    detector: str | None
    person: str | None
    image_size: tuple[float, float] | None
    """width and height in pixels"""
    fps: float | None
    camera: str | None
    text: str | None
    path: str | None
    start: str | None
    listen: int | None
    """port of 127.0.0.1"""
    lead: int
    """frames"""
    steps: int
    seed: int
    vmc: tuple[str, int] | None
    """host and port"""
    view_port: int | None
    look_ahead: int
    """frames"""
    stride: int
    """frames"""
    seconds: float | None
    engine: str | None
    device: str | None
    threads: int
    json: bool


def read_options(arguments: Sequence[str] | None) -> LiveOptions:
    """The options of the command line.  Raises InputError for those that cannot be used or do not go together."""
    values: dict[str, Any] = vars(parser().parse_args(arguments))
    if values["vmc"] is None and values["view_port"] is None:
        raise InputError("nowhere to send the motion; wanted --vmc HOST:PORT or --view-port P")
    if values["seconds"] is not None and not values["seconds"] > 0:
        raise InputError(f"--seconds is {values['seconds']:g}; wanted more than 0")
    if values["vmc"] is not None:
        values["vmc"] = parse_address(values["vmc"])
    _check_source(values)
    values["image_size"] = parse_image_size(values["image_size"])
    return LiveOptions(**values)


def _check_source(values: dict[str, Any]) -> None:
    """Raise InputError for options that do not belong to the source, or none or two of these; fill in defaults."""
    sources = [name for name in OF_SOURCE if values[name] is not None]
    if values["path"] is not None and "text" not in sources:
        sources.append("text")
    if len(sources) != 1:
        raise InputError("wanted one of --keypoints FILE, --video FILE|N, and --text PROMPT or --path PATH")
    (source,) = sources
    for other, names in OF_SOURCE.items():
        for name in names:
            if values[name] is not None and name not in OF_SOURCE[source]:
                raise InputError(f"{flag(name)} with --{source}; wanted it with --{other}")
    if values["person"] == ALL:
        raise InputError("--person is all; wanted largest or an id: one person is sent")
    if source == "video":
        check_pose_options(values["pose"], values["detector"])
    defaults = {"look_ahead": LOOK_AHEAD, "stride": 1, "lead": LEAD, "steps": LIVE_STEPS, "seed": 0}
    values.update({name: value for name, value in defaults.items() if values[name] is None})


@dataclass
class Log:
    """What happened, in numbers."""

    poses: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """milliseconds from a picture to the sending of the pose that it settled, without the look-ahead"""
    steps: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """milliseconds of a step of the stream"""

    def percentile(self, share: float) -> float:
        """Milliseconds of latency that `share` per cent are under; 0 before the first."""
        return float(np.percentile(self.latencies, share)) if self.latencies else 0.0

    def line(self, look_ahead: int) -> str:
        """For people."""
        ahead = 1000 * look_ahead / FPS
        return (
            f"{self.poses} poses, latency p50 {self.percentile(50):.0f} ms, p99 {self.percentile(99):.0f} ms, "
            f"and {ahead:.0f} ms of look-ahead"
        )


class Sinks:
    """All the places that poses go to; none of them can make the stream wait."""

    def __init__(self, vmc: VmcSender | None, view: LiveView | None) -> None:
        self.vmc, self.view = vmc, view
        self._start = time.monotonic()

    def send(self, pose: StreamPose, note: str) -> None:
        """Send the first person of a pose."""
        self._send(
            shape_space().offsets(pose.betas[0]), (pose.rotations[0], pose.translation[0], pose.contacts[0]), note
        )

    def show(self, frame: Motion, note: str) -> None:
        """Send a motion of one frame, which has contacts."""
        assert frame.contacts is not None
        self._send(frame.rest_offsets, (frame.rotations[0], frame.translation[0], frame.contacts[0]), note)

    def _send(self, offsets: Array, pose: tuple[Array, Array, Array], note: str) -> None:
        if self.vmc is not None:
            self.vmc.send(humanoid_pose(*pose[:2], offsets), time.monotonic() - self._start)
        if self.view is not None:
            self.view.offsets = offsets
            self.view.publish(event(*pose, note))

    def close(self) -> None:
        """Let sockets and threads go."""
        if self.vmc is not None:
            self.vmc.close()
        if self.view is not None:
            self.view.close()


def open_source(options: LiveOptions) -> tuple[Source, dict[str, Any]]:
    """The source that the options name and the lens that it has, as `MotionStream` takes it."""
    return _keypoint_file(options) if options.keypoints is not None else _video(options)


def _keypoint_file(options: LiveOptions) -> tuple[Source, dict[str, Any]]:
    assert options.keypoints is not None
    people, _ = read_subjects(
        options.keypoints,
        options.camera,
        person=options.person or LARGEST,
        image_size=options.image_size,
        fps=options.fps,
    )
    keypoints = next(iter(people.values()))
    return keypoint_source(keypoints), {"intrinsics": keypoints.intrinsics}


def _video(options: LiveOptions) -> tuple[Source, dict[str, Any]]:
    assert options.video is not None
    finder = open_people_finder(options.pose, options.detector, options.device or "cpu", options.threads)
    images, live = opened_video(options.video)
    try:
        first = next(images)
    except StopIteration:
        raise InputError(f"--video {options.video}: no frame in it; wanted a video or a camera") from None
    height, width = first[1].shape[:2]
    source = image_source(chain([first], images), lambda image: surest_first(finder.people(image)), live=live)
    return source, {"image_size": (width, height)}


def stream_poses(
    stream: MotionStream,
    detections: Iterator[TimedKeypoints],
    clock: FrameClock,
    log: Log,
    sinks: Sinks,
    seconds: float | None,
) -> None:
    """Send the pose of every frame until the detections or the seconds end, and then those that waited."""
    end = None if seconds is None else time.monotonic() + seconds
    reported = time.monotonic()
    for detection in detections:
        for frame in clock.frames(detection):
            started = time.perf_counter()
            pose = stream.step(frame.points[None], frame.camera_to_world)
            log.steps.append(1000 * (time.perf_counter() - started))
            if pose.frame[0] < 0:
                continue
            sinks.send(pose, log.line(stream.look_ahead))
            log.poses += 1
            log.latencies.append(1000 * (time.monotonic() - frame.time))
        if sys.stderr.isatty() and time.monotonic() > reported + REPORT_EVERY:
            reported = time.monotonic()
            print(f"\r{log.line(stream.look_ahead)}\x1b[K", end="", file=sys.stderr, flush=True)
        if end is not None and time.monotonic() >= end:
            return
    for pose in stream.finish():
        if pose.frame[0] >= 0:
            time.sleep(1 / FPS)
            sinks.send(pose, log.line(stream.look_ahead))
            log.poses += 1


def run(options: LiveOptions) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    if options.text is not None or options.path is not None:
        run_performer(options)
        return
    source, lens = open_source(options)
    model = MotionModel.load(options.engine, device=options.device, threads=options.threads)
    stream = MotionStream(model, look_ahead=options.look_ahead, stride=options.stride, **lens)
    sinks = open_sinks(options)
    clock, log, detections = FrameClock(), Log(), LatestQueue(source)
    try:
        if not options.json:
            print(f"{destinations(options, sinks)}  (Ctrl-C ends it)", flush=True)
        stream_poses(stream, iter(detections), clock, log, sinks, options.seconds)
    except KeyboardInterrupt:
        pass
    finally:
        detections.stop()
        sinks.close()
    print_summary(options, log, clock, detections, sinks)


def run_performer(options: LiveOptions) -> None:
    """`--text` and `--path`: perform until Ctrl-C, or the seconds end."""
    model = MotionModel.load(options.engine, device=options.device, threads=options.threads)
    ahead = performer(
        model, options.text, options.path, options.start, seed=options.seed, steps=options.steps, lead=options.lead
    )
    said = Performance()
    with ahead:
        lines = Lines(sys.stdin, options.listen)
        sinks = open_sinks(options)
        try:
            if not options.json:
                print(f"{destinations(options, sinks)}  (Ctrl-C ends it)\n{greeting(lines)}", flush=True)
            perform(ahead, lines, sinks, options.seconds, said)
        except KeyboardInterrupt:
            pass
        finally:
            lines.close()
            sinks.close()
    dropped = 0 if sinks.vmc is None else sinks.vmc.dropped
    if options.json:
        waited = {"poses": said.poses, "late": said.late, "longest_wait_ms": round(said.longest_wait, 3)}
        print(json.dumps(waited | {"lead_ms": round(1000 * options.lead / FPS, 2), "dropped_packets": dropped}))
    elif said.late:
        say(f"{PROGRAM}: note: {said.late} of {said.poses} frames came late: fewer --steps, or a larger --lead")


def open_sinks(options: LiveOptions) -> Sinks:
    """Where the options send poses.  Raises InputError for places that cannot be had."""
    return Sinks(
        None if options.vmc is None else VmcSender(*options.vmc),
        None if options.view_port is None else LiveView(shape_space().mean, options.view_port),
    )


def destinations(options: LiveOptions, sinks: Sinks) -> str:
    """Where poses go, for people."""
    places = [f"VMC to {options.vmc[0]}:{options.vmc[1]}"] if options.vmc else []
    return ", ".join(places + ([f"view at {sinks.view.address}"] if sinks.view else []))


def print_summary(options: LiveOptions, log: Log, clock: FrameClock, detections: LatestQueue, sinks: Sinks) -> None:
    """What happened, at the end."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    step = float(np.median(log.steps)) if log.steps else 0.0
    if options.json:
        summary = {
            "poses": log.poses,
            "latency_p50_ms": round(log.percentile(50), 2),
            "latency_p99_ms": round(log.percentile(99), 2),
            "look_ahead_ms": round(1000 * options.look_ahead / FPS, 2),
            "step_ms": round(step, 2),
            "skipped_frames": clock.skipped,
            "dropped_sights": detections.dropped,
            "dropped_packets": 0 if sinks.vmc is None else sinks.vmc.dropped,
        }
        print(json.dumps(summary))
        return
    print(log.line(options.look_ahead))
    if clock.skipped or detections.dropped:
        say(
            f"{PROGRAM}: note: too slow for the source: {clock.skipped} frames skipped, "
            f"{detections.dropped} sights unused; "
            f"a step takes {step:.0f} ms: a larger --stride (at most --look-ahead + 1) needs fewer of them"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
