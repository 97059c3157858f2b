"""genmo-run on videos, from the command line to the files: random weights and constants in the real formats."""

import json

import numpy as np
import pytest
from conftest_video import av, constant_network, cv2, heatmap_network, simcc_network, spot, write_video, yolox_head
from test_blazepose import BODY, LEFT, RIGHT
from test_blazepose_networks import detector, landmarks
from test_odometry import panorama_frames

from genmo.runtime.cli.run import main
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.support.safe_read import sha256
from genmo.runtime.video import blazepose_files

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def run(tiny_engine, capsys):
    """`run(*arguments)` -> (exit status, stdout, stderr) with the tiny engine."""

    def command(*arguments):
        status = main(["--engine", str(tiny_engine), "--threads", "1", *map(str, arguments)])
        return status, *capsys.readouterr()

    return command


@pytest.fixture
def scene(tmp_path):
    """A second of video with a spot that wanders, a detector that frames it, and a pose network that finds it."""
    images = [spot(640, 480, 200 + 3 * number, 150) for number in range(24)]
    write_video(tmp_path / "v.mp4", images, fps=24)
    boxes = [(100, 60, 340, 400, 0.9, 0)]
    constant_network(tmp_path / "yolox.onnx", {"output": yolox_head(boxes)})
    heatmap_network(tmp_path / "vitpose.onnx")
    simcc_network(tmp_path / "rtmpose.onnx")
    return tmp_path


@pytest.mark.parametrize("pose", ["vitpose", "rtmpose"])
def test_video_to_motion_and_keypoints(run, scene, pose):
    saved, sheet, film = scene / "k.npz", scene / "o.png", scene / "o.mp4"
    networks = ["--detector", scene / "yolox.onnx", "--pose", scene / f"{pose}.onnx"]
    out = ["--out", scene / "m.npz", "--overlay", sheet, "--save-keypoints", saved, "--json"]
    status, printed, errors = run("--video", scene / "v.mp4", *networks, *out)
    assert (status, errors) == (0, "")
    report = json.loads(printed)
    assert (
        report["frames"] == 29 and report["people"] == [0] and any("focal length" in note for note in report["notes"])
    )
    keypoints = read_keypoints(saved)
    # 24 a second is brought to 30: the spot moves 3 pixels a source frame
    expected = 200 + 3 * 24 * np.arange(29) / 30
    assert np.abs(keypoints.points[:, 0, 0] - expected).max() < 2.5
    assert cv2.imread(str(sheet)).shape[1] == 4 * 480
    again = ["--keypoints", saved, "--video", scene / "v.mp4", "--overlay", film, "--out", scene / "n.npz"]
    assert run(*again)[0] == 0
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 29
    first, second = np.load(scene / "m.npz"), np.load(scene / "n.npz")
    np.testing.assert_allclose(first["poses"], second["poses"], atol=1e-5)


def two_people(tmp_path, missing=()):
    """RTMO that always sees two people, and a video of 20 frames."""
    figure = np.random.default_rng(0).uniform(0, 1, (17, 2))
    boxes = np.array([[20, 20, 120, 320, 0.9], [300, 40, 500, 460, 0.8]], np.float32)
    points = np.zeros((1, 2, 17, 3), np.float32)
    for one, (x0, y0, x1, y1, _) in enumerate(boxes):
        points[0, one] = np.column_stack([figure * [x1 - x0, y1 - y0] + [x0, y0], np.full(17, 0.9)])
    outputs = {"dets": (boxes[None], ("b", "n", 5)), "keypoints": (points, ("b", "n", 17, 3))}
    constant_network(tmp_path / "rtmo.onnx", outputs)
    write_video(tmp_path / "v.mp4", [spot(640, 480)] * 20)
    return ["--video", tmp_path / "v.mp4", "--pose", tmp_path / "rtmo.onnx"]


def test_all_people_a_file_each(run, tmp_path):
    arguments = two_people(tmp_path)
    out = [
        "--out",
        tmp_path / "m.npz",
        "--save-keypoints",
        tmp_path / "k.npz",
        "--overlay",
        tmp_path / "o.jpg",
        "--json",
    ]
    status, printed, _ = run(*arguments, "--person", "all", *out)
    assert status == 0
    report = json.loads(printed)
    assert report["people"] == [1, 0]  # the largest first
    names = {"m_person0.npz", "m_person1.npz", "k_person0.npz", "k_person1.npz", "o.jpg"}
    assert names <= {path.name for path in tmp_path.iterdir()} and not (tmp_path / "m.npz").exists()
    one = read_keypoints(tmp_path / "k_person0.npz").points
    assert one[:, :, 0].max() < 130
    assert run(*arguments, "--person", "0", "--out", tmp_path / "p.npz")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "p.npz")["poses"], np.load(tmp_path / "m_person0.npz")["poses"])
    status, _, errors = run(*arguments, "--person", "7", "--out", tmp_path / "q.npz")
    assert status == 2 and "no person 7" in errors


def pan(tmp_path, degrees):
    """A panning video and keypoints of somebody in its middle."""
    write_video(tmp_path / "pan.mp4", list(panorama_frames(degrees)))
    points = np.ones((30, 17, 3))
    points[..., :2] = np.random.default_rng(0).uniform([270, 110], [370, 330], (17, 2))
    np.savez(tmp_path / "k.npz", keypoints=points, image_size=np.array([640, 360]))
    return ["--keypoints", tmp_path / "k.npz", "--video", tmp_path / "pan.mp4", "--out", tmp_path / "m.npz"]


def test_a_camera_that_moves_unmodelled_is_said_once_and_loudly(run, tmp_path):
    arguments = pan(tmp_path, 15)
    for camera in ([], ["--camera", "static"]):
        status, _, errors = run(*arguments, *camera)
        assert status == 0 and errors.count("THE CAMERA MOVES") == 1 and "wanted --camera vo" in errors
    status, _, errors = run(*arguments, "--camera", "vo", "--save-keypoints", tmp_path / "c.npz")
    assert status == 0 and "MOVES" not in errors and "to the right" in errors and "confidence" in errors
    camera = read_keypoints(tmp_path / "c.npz").camera
    view = camera.rotation[:, :, 2]
    # y is up: who looks along +z and turns to the right looks towards -x
    assert np.degrees(np.arctan2(-view[-1, 0], view[-1, 2])) == pytest.approx(15, abs=0.7)


def test_a_camera_that_stands_is_not_worth_a_word(run, tmp_path):
    status, _, errors = run(*pan(tmp_path, 0))
    assert status == 0 and "MOVES" not in errors


def test_video_features_need_an_engine_that_takes_them(run, scene, tiny_engine):
    features = constant_network(scene / "e.onnx", {"features": np.zeros((1, 7), np.float32)}, (3, 256, 192))
    arguments = ["--video", scene / "v.mp4", "--pose", scene / "vitpose.onnx", "--detector", scene / "yolox.onnx"]
    status, printed, errors = run(*arguments, "--video-features", features, "--out", scene / "m.npz")
    assert status == 2 and printed == "" and errors.count("\n") == 1
    assert "takes no video features" in errors or "7 channels; this engine takes" in errors
    assert not (scene / "m.npz").exists()


def test_bad_videos_are_one_line(run, scene):
    networks = ["--pose", scene / "vitpose.onnx", "--detector", scene / "yolox.onnx", "--out", scene / "m.npz"]
    (scene / "cut.mp4").write_bytes((scene / "v.mp4").read_bytes()[:2000])
    for arguments, says in (
        (["--video", scene / "cut.mp4", *networks], "cut short"),
        (["--video", scene / "v.mp4", *networks[:2], *networks[4:]], "wanted a detector"),
        (["--video", scene / "v.mp4", "--pose", scene / "yolox.onnx", *networks[2:]], "looks like a detector"),
        (["--video", scene / "v.mp4", "--fps", "24", *networks], "the video says it"),
        (["--video", scene / "v.mp4", "--overlay", scene / "o.gif", *networks], "unknown format"),
        (["--video", scene / "v.mp4", "--focal-length", "1", *networks], "--focal-length is 1"),
        (["--video", scene / "v.mp4", "--save-keypoints", scene / "k.json", *networks], "wanted a .npz"),
    ):
        status, printed, errors = run(*arguments)
        assert status == 2 and printed == "" and errors.count("\n") == 1 and says in errors
    assert not (scene / "m.npz").exists()


def test_blazepose_from_the_cache_folder(run, tmp_path, monkeypatch):
    """Without --pose: two people, their feet, and one file each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blazepose_files.cache_folder().mkdir(parents=True)
    landmarks(blazepose_files.network_path("lite"), BODY)
    detector(blazepose_files.network_path("detector"), [LEFT, RIGHT])
    listing = {
        name: {"converter": blazepose_files.CONVERTER, "sha256": sha256(blazepose_files.network_path(name), "x")}
        for name in ("lite", "detector")
    }
    (blazepose_files.cache_folder() / blazepose_files.LISTING).write_text(json.dumps(listing))
    video = write_video(tmp_path / "v.mp4", [np.zeros((400, 800, 3), np.uint8)] * 20)
    out = ["--out", tmp_path / "m.npz", "--save-keypoints", tmp_path / "k.npz", "--json"]
    status, printed, errors = run("--video", video, "--person", "all", *out)
    assert (status, errors) == (0, "") and sorted(json.loads(printed)["people"]) == [0, 1]
    for one, middle in ((0, 200), (1, 600)):
        kept = read_keypoints(tmp_path / f"k_person{one}.npz")
        assert kept.points.shape == (20, 17, 3) and (tmp_path / f"m_person{one}.npz").is_file()
        wanted = (BODY[[29, 31, 30, 32]] - 0.5) * 200 + [middle, 200]
        np.testing.assert_allclose(kept.feet[5, :, :2], wanted, atol=0.2)
    status, _, errors = run("--video", video, "--pose", "heavy", "--out", tmp_path / "n.npz")
    assert status == 2 and "run once: genmo-get-pose heavy" in errors
