"""genmo-live: pacing, sources, the browser view, and the whole command from keypoints to decoded packets."""

import base64
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from genmo.runtime.cli.live import Log, Sinks, main, stream_poses
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.live.browser_view import LiveView, event
from genmo.runtime.live.frame_clock import LONGEST_GAP, WAITING, FrameClock, LatestQueue, TimedKeypoints
from genmo.runtime.live.sources import image_source, keypoint_source, nearest_person
from genmo.runtime.live.vmc import VmcSender
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.motion.skeleton import COCO_COUNT, forward_kinematics, shape_space
from genmo.runtime.streaming.motion_stream import MotionStream

pytestmark = pytest.mark.end_to_end


def sight(time, value=1.0, sure=1.0):
    points = np.full((17, 3), value)
    points[:, 2] = sure
    return TimedKeypoints(time, points)


# --- pacing -------------------------------------------------------------------------------------------------------


def test_sights_at_30_pass_unchanged():
    clock, detections = FrameClock(), [sight(5 + k / 30, float(k)) for k in range(40)]
    out = [frame for one in detections for frame in clock.frames(one)]
    assert len(out) == 40
    np.testing.assert_allclose([frame.points[0, 0] for frame in out], np.arange(40), atol=1e-6)


@pytest.mark.parametrize("rate", [12.0, 24.0, 25.0, 29.97, 50.0, 60.0])
def test_other_rates_become_30(rate):
    steady = FrameClock()
    out = [frame for k in range(int(4 * rate) + 1) for frame in steady.frames(sight(1 + k / rate, 100 * k / rate))]
    assert len(out) == pytest.approx(121, abs=1)
    np.testing.assert_allclose([frame.points[3, 1] for frame in out], 100 * np.arange(len(out)) / 30, atol=1e-6)


def test_jitter_does_not_move_the_grid():
    rng, steady = np.random.default_rng(0), FrameClock()
    times = np.sort(np.arange(90) / 30 + rng.uniform(0, 0.02, 90))
    out = [frame for at in times for frame in steady.frames(sight(at, 100 * at))]
    values = np.array([frame.points[0, 0] for frame in out])
    np.testing.assert_allclose(np.diff(values), 100 / 30, atol=1e-6)


def test_an_unsure_point_is_taken_from_the_nearer_sight():
    steady = FrameClock()
    steady.frames(sight(0.0, 0.0))
    frames = steady.frames(sight(0.1, 30.0, sure=0.2))
    assert [frame.points[0, 0] for frame in frames] == [0.0, 30.0, 30.0]
    np.testing.assert_allclose([frame.points[0, 2] for frame in frames], [1.0, 0.2, 0.2])


def test_a_long_gap_jumps_and_is_counted():
    steady = FrameClock()
    steady.frames(sight(0.0))
    assert len(steady.frames(sight(LONGEST_GAP / 30))) == LONGEST_GAP
    assert steady.skipped == 0
    assert len(steady.frames(sight(10.0))) == 1
    assert steady.skipped > 250
    assert len(steady.frames(sight(10.0 + 1 / 30))) == 1


def test_a_slow_taker_gets_the_newest():
    done = threading.Event()

    def source(stop):
        yield from (sight(k / 30, float(k)) for k in range(50))
        done.set()

    feed = LatestQueue(source)
    assert done.wait(5)
    feed._thread.join(5)
    taken = [one.points[0, 0] for one in feed]
    assert len(taken) <= WAITING
    assert taken[-1] == 49
    assert feed.dropped == 50 - len(taken)


def test_an_error_of_the_source_comes_out():
    def source(stop):
        yield sight(0.0)
        raise OSError("the camera was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        list(LatestQueue(source))


# --- sources ------------------------------------------------------------------------------------------------------


def test_keypoints_come_at_the_speed_of_life():
    keypoints = Keypoints(np.arange(10 * 17 * 3.0).reshape(10, 17, 3), np.eye(3))
    start = time.monotonic()
    detections = list(keypoint_source(keypoints)(threading.Event()))
    assert time.monotonic() - start >= 9 / 30
    np.testing.assert_array_equal([one.points[:COCO_COUNT] for one in detections], keypoints.points)
    np.testing.assert_allclose(np.diff([one.time for one in detections]), 1 / 30)


def test_a_stopped_source_ends_at_once():
    stop = threading.Event()
    source = keypoint_source(Keypoints(np.zeros((3000, 17, 3)), np.eye(3)))(stop)
    next(source)
    stop.set()
    assert list(source) == []


def test_late_images_of_a_video_are_passed_over():
    def slow(image):
        time.sleep(0.15)
        return np.full((1, 17, 3), float(image))

    detections = list(image_source([(k / 30, k) for k in range(24)], slow, live=False)(threading.Event()))
    assert 2 <= len(detections) < 12
    assert all(one.time >= detections[0].time for one in detections)
    everything = image_source([(0.0, k) for k in range(5)], lambda image: np.zeros((0, 17, 3)), live=True)
    blind = list(everything(threading.Event()))
    assert len(blind) == 5
    assert not any(one.points.any() for one in blind)


def test_the_same_person_is_followed():
    first, second = np.full((17, 3), 100.0), np.full((17, 3), 400.0)
    first[:, 2] = second[:, 2] = 1
    assert nearest_person(np.stack([second, first]), None) is not None
    chosen = nearest_person(np.stack([second + [5, 0, 0], first + [5, 0, 0]]), first)
    np.testing.assert_array_equal(chosen, first + [5, 0, 0])
    assert nearest_person(np.zeros((0, 17, 3)), first) is None


# --- the browser view ---------------------------------------------------------------------------------------------


@pytest.fixture
def view():
    running = LiveView(shape_space().mean)
    yield running
    running.close()


def ask(view, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", view.server_port, timeout=20)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{view.server_port}")
    connection.endheaders()
    return connection, connection.getresponse()


def test_poses_reach_a_reader(view, random_motion):
    motion = random_motion(2)
    connection, answer = ask(view, "/events")
    assert answer.getheader("Content-Type") == "text/event-stream"
    for frame in range(2):
        view.publish(event(motion.rotations[frame], motion.translation[frame], np.ones(6), "a note"))
        payload = json.loads(answer.readline().removeprefix(b"data: "))
        answer.readline()
        quaternions = np.frombuffer(base64.b64decode(payload["quaternions"]), "<i2").reshape(24, 4) / 32767
        joints = forward_kinematics(
            matrix_from_quaternion(quaternions), np.asarray(payload["translation"]), motion.rest_offsets
        )[1]
        np.testing.assert_allclose(joints, motion.joints_world()[frame], atol=1e-3)
        assert (payload["contacts"], payload["note"]) == ([255] * 6, "a note")
    connection.close()


def test_a_reader_who_does_not_read_stops_nobody(view, random_motion):
    motion = random_motion(1)
    connection, _ = ask(view, "/events")
    connection.sock and connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    message = event(motion.rotations[0], motion.translation[0], np.ones(6), "x" * 20000)
    publisher = threading.Thread(target=lambda: [view.publish(message) for _ in range(3000)], daemon=True)
    publisher.start()
    publisher.join(timeout=60)  # one that waits for the reader never ends
    assert view.count == 3000
    connection.close()


def test_the_page_listens_and_strangers_are_refused(view):
    page = ask(view, "/")[1].read().decode()
    assert 'new EventSource("events")' in page
    assert page.count("</body>") == 1
    assert ask(view, "/", host="evil.example")[1].status == 403
    assert ask(view, "/../secret")[1].status == 404


# --- the whole ----------------------------------------------------------------------------------------------------


def test_what_is_sent_is_what_the_stream_answers(tiny_engine, random_motion):
    osc_bundle = pytest.importorskip("pythonosc.osc_bundle")
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(100, 500, (12, 17, 2)), np.ones((12, 17, 1))], axis=-1)
    model = MotionModel.load(tiny_engine, threads=1)
    # random points are no person: as they are
    options = {"look_ahead": 3, "image_size": (640, 480), "clean_keypoints": False}
    expected_stream = MotionStream(model, **options)
    poses = [expected_stream.step(frame[None]) for frame in points] + expected_stream.finish()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sinks = Sinks(VmcSender("127.0.0.1", listener.getsockname()[1]), None)
        stream, log = MotionStream(model, **options), Log()
        sights = (TimedKeypoints(100 + k / 30, frame) for k, frame in enumerate(points))
        stream_poses(stream, sights, FrameClock(), log, sinks, None)
        sinks.close()
        received = [listener.recv(65536) for _ in range(sinks.vmc.sent)]
    sent = [one.params for data in received for one in osc_bundle.OscBundle(data) if one.address.endswith("Bone/Pos")]
    hips = np.array([values[1:4] for values in sent if values[0] == "Hips"])
    np.testing.assert_allclose(hips, [pose.translation[0] * [-1, 1, 1] for pose in poses], atol=1e-5)
    assert log.poses == len(poses) == 15
    assert len(log.latencies) == 12


def write_keypoints(folder, frames=20):
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(100, 500, (frames, 17, 2)), np.ones((frames, 17, 1))], axis=-1)
    np.savez(folder / "keys.npz", keypoints=points, image_size=np.array([640, 480]))
    return folder / "keys.npz"


def test_the_command_to_the_end_of_the_file(tmp_path, tiny_engine, capsys):
    keys = write_keypoints(tmp_path)
    arguments = ["--keypoints", str(keys), "--engine", str(tiny_engine), "--threads", "1"]
    assert main([*arguments, "--vmc", "127.0.0.1:39539", "--view-port", "0", "--look-ahead", "2", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["poses"] > 3
    assert summary["look_ahead_ms"] == pytest.approx(66.67, abs=0.01)
    assert 0 < summary["latency_p50_ms"] <= summary["latency_p99_ms"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "wanted --vmc"),
        (["--vmc", "host:x"], "wanted HOST:PORT"),
        (["--view-port", "0"], "wanted one of --keypoints"),
        (["--view-port", "0", "--keypoints", "{keys}", "--video", "0"], "wanted one of --keypoints"),
        (["--view-port", "0", "--keypoints", "{keys}", "--pose", "x.onnx"], "wanted it with --video"),
        (["--view-port", "0", "--video", "walk.mp4"], "run once: genmo-get-pose"),
        (["--view-port", "0", "--video", "walk.mp4", "--fps", "30"], "wanted it with --keypoints"),
        (["--view-port", "0", "--keypoints", "{keys}", "--seconds", "-1"], "wanted more than 0"),
        (["--view-port", "0", "--keypoints", "none.npz"], "none.npz"),
        (["--view-port", "0", "--keypoints", "{keys}", "--look-ahead", "99"], "look_ahead"),
        (["--view-port", "70000", "--keypoints", "{keys}"], "wanted 0 to 65535"),
        (["--vmc", "no-such-host.invalid", "--keypoints", "{keys}"], "wanted a host that can be found"),
    ],
)
def test_bad_input_is_one_line(tmp_path, tiny_engine, capsys, monkeypatch, arguments, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keys = write_keypoints(tmp_path)
    formatted = [argument.format(keys=keys) for argument in arguments]
    assert main([*formatted, "--engine", str(tiny_engine), "--threads", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("genmo-live: error: ")
    assert said.count("\n") == 1
    assert expected in said


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal to a process there")
def test_ctrl_c_ends_it_cleanly(tmp_path, tiny_engine):
    keys = write_keypoints(tmp_path, 3000)
    running = subprocess.Popen(
        [sys.executable, "-m", "genmo.runtime.cli.live", "--keypoints", str(keys), "--engine", str(tiny_engine),
         "--view-port", "0", "--threads", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout.readline().startswith("view at http://127.0.0.1:")
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "Traceback" not in err
    assert "latency p50" in out
