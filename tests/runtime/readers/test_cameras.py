"""Camera files in the published forms, against scipy's rotations and projections by hand."""

import json
import struct

import numpy as np
import pytest

from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.readers.cameras import level, read_camera
from genmo.runtime.readers.colmap import Lens, parse_images_bin, parse_images_txt
from genmo.runtime.support.errors import InputError

pytestmark = pytest.mark.requires("scipy")


def handheld(frames, seed=0):
    """World-to-camera rotations and centres of a camera that looks about, in a z-up world of unknown size."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(seed)
    time = np.arange(frames)
    looks = Rotation.from_euler("ZXY", np.stack([0.02 * time, -0.1 + 0.003 * time, 0.01 * np.sin(time)], axis=1))
    upright = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # camera y is world -z, camera z world y
    return (upright * looks.inv()), rng.normal(0, 1, 3) + 0.05 * time[:, None] * rng.normal(0, 1, 3)


def colmap_lines(to_camera, centres, numbers, name="frame_{:04d}.png"):
    for at, (turn, centre, number) in enumerate(zip(to_camera, centres, numbers, strict=True), start=1):
        x, y, z, w = turn.as_quat()
        yield at, (w, x, y, z), -turn.apply(centre), 1, name.format(number)


CAMERAS = b"# Camera list\n# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n1 PINHOLE 640 480 500.5 501.5 320.25 240.75\n"


def write_text(folder, lines, cameras=CAMERAS, points="10.5 20.5 -1 30 40 7"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cameras.txt").write_bytes(cameras)
    text = "# Image list with two lines of data per image:\n"
    for at, quaternion, move, camera, name in lines:
        numbers = " ".join(repr(float(value)) for value in (*quaternion, *move))
        text += f"{at} {numbers} {camera} {name}\n{points if at % 2 else ''}\n"
    (folder / "images.txt").write_text(text)
    return folder


def write_binary(folder, lines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cameras.bin").write_bytes(struct.pack("<QiiQQ4d", 1, 1, 1, 640, 480, 500.5, 501.5, 320.25, 240.75))
    lines = list(lines)
    data = struct.pack("<Q", len(lines))
    for at, quaternion, move, camera, name in lines:
        data += struct.pack("<i", at) + struct.pack("<4d", *quaternion) + struct.pack("<3d", *move)
        data += struct.pack("<i", camera) + name.encode() + b"\0"
        data += struct.pack("<Q", at % 3) + struct.pack("<ddq", 1.5, 2.5, -1) * (at % 3)
    (folder / "images.bin").write_bytes(data)
    return folder


@pytest.mark.parametrize("write", [write_text, write_binary])
@pytest.mark.parametrize("below", [".", "sparse/0", "0"])
def test_a_colmap_model_is_the_same_camera_in_an_upright_world(tmp_path, write, below):
    """Whatever the world: rotations between frames, distances times the scale, up and the first view are right."""
    to_camera, centres = handheld(20)
    write(tmp_path / below, colmap_lines(to_camera, centres, range(1, 21)))
    file = read_camera(tmp_path, scale=2.0)
    camera, notes = file.at_frames(20)
    to_world = to_camera.inv().as_matrix()
    expected = to_world[:-1].transpose(0, 2, 1) @ to_world[1:]
    np.testing.assert_allclose(camera.rotation[:-1].transpose(0, 2, 1) @ camera.rotation[1:], expected, atol=1e-9)
    step = np.einsum("fji,fj->fi", to_world[:-1], np.diff(centres, axis=0))
    got = np.einsum("fji,fj->fi", camera.rotation[:-1], np.diff(camera.position, axis=0))
    np.testing.assert_allclose(got, 2 * step, atol=1e-9)
    up = -camera.rotation[:, :, 1].mean(axis=0)
    np.testing.assert_allclose(up / np.linalg.norm(up), [0, 1, 0], atol=1e-9)
    view = camera.rotation[0, :, 2]
    assert abs(view[0]) < 1e-9 and view[2] > 0
    np.testing.assert_allclose(camera.position[0], 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(camera.rotation), 1)
    np.testing.assert_allclose(file.intrinsics, [[500.5, 0, 320.25], [0, 501.5, 240.75], [0, 0, 1]])
    assert any("which way is up" in note for note in notes)


def test_without_a_scale_the_camera_turns_on_the_spot(tmp_path):
    to_camera, centres = handheld(5)
    write_text(tmp_path, colmap_lines(to_camera, centres, range(5)))
    file = read_camera(tmp_path)
    camera, notes = file.at_frames(5)
    moved, _ = read_camera(tmp_path, scale=1.0).at_frames(5)
    assert (camera.position == 0).all() and np.ptp(moved.position, axis=0).max() > 0.01
    np.testing.assert_allclose(camera.rotation, moved.rotation)
    assert any("has no size" in note for note in notes)


def test_text_and_binary_say_the_same(tmp_path):
    lines = list(colmap_lines(*handheld(7), range(7)))
    write_text(tmp_path / "text", lines), write_binary(tmp_path / "binary", lines)
    text = parse_images_txt((tmp_path / "text" / "images.txt").read_bytes(), "x")
    assert text == parse_images_bin((tmp_path / "binary" / "images.bin").read_bytes(), "x")
    one, two = (read_camera(tmp_path / kind / f"images{end}") for kind, end in (("text", ".txt"), ("binary", ".bin")))
    np.testing.assert_array_equal(one.camera.rotation, two.camera.rotation)


def test_gaps_are_filled_on_the_great_circle(tmp_path):
    """Every third frame registered, out of order; a name may hold spaces and folders."""
    from scipy.spatial import transform
    from scipy.spatial.transform import Rotation

    to_camera, centres = handheld(31)
    kept = np.arange(0, 31, 3)[::-1]
    lines = colmap_lines(to_camera[kept], centres[kept], kept, "my frames/walk {:03d}.jpg")
    write_text(tmp_path, lines)
    file = read_camera(tmp_path, scale=1.0)
    camera, notes = file.at_frames(31)
    poses = Rotation.from_matrix(file.camera.rotation)
    expected = transform.Slerp(np.arange(0, 31, 3), poses)(np.arange(31)).as_matrix()
    np.testing.assert_allclose(camera.rotation, expected, atol=1e-9)
    for axis in range(3):
        straight = np.interp(np.arange(31), np.arange(0, 31, 3), file.camera.position[:, axis])
        np.testing.assert_allclose(camera.position[:, axis], straight)
    assert not any("half a second" in note for note in notes)


def test_names_are_counted_from_zero_or_one_or_as_told(tmp_path):
    to_camera, centres = handheld(40)
    for numbers, first, frame in (
        ((0, 30), None, 30),
        ((1, 31), None, 30),
        ((5, 31), None, 30),
        ((1001, 1031), 1001, 30),
    ):
        write_text(tmp_path, colmap_lines(to_camera[[0, 39]], centres[[0, 39]], numbers))
        file = read_camera(tmp_path, scale=1.0)
        camera, _ = file.at_frames(frame + 5, first_frame=first)
        np.testing.assert_allclose(camera.rotation[frame], file.camera.rotation[1], atol=1e-9)
        assert np.abs(camera.rotation[frame - 1] - file.camera.rotation[1]).max() > 1e-3
        np.testing.assert_allclose(camera.rotation[frame:], file.camera.rotation[[1] * 5], atol=1e-9)
    with pytest.raises(InputError, match="poses of frames 1001 to 1031, none within the 35 frames that start at 1"):
        file.at_frames(35)


def test_images_at_another_rate_are_put_at_their_times(tmp_path):
    to_camera, centres = handheld(3)
    write_text(tmp_path, colmap_lines(to_camera, centres, (1, 2, 3)))
    file = read_camera(tmp_path)
    camera, notes = file.at_frames(31, fps=2.0)
    np.testing.assert_allclose(camera.rotation[[0, 15, 30]], file.camera.rotation, atol=1e-9)
    assert not any("half a second" in note for note in notes)
    camera, notes = file.at_frames(91, fps=2.0)
    assert any("45 of 91 frames are over half a second" in note for note in notes)


@pytest.mark.parametrize(
    ("line", "focal", "pixels"),
    [
        ("SIMPLE_PINHOLE 640 480 500 320 240", 500, None),
        ("SIMPLE_RADIAL 640 480 500 320 240 0.0001", 500, None),
        ("SIMPLE_RADIAL 640 480 500 320 240 0.1", 500, 0.1 * 0.8**3 * 500),
        ("RADIAL 640 480 500 320 240 -0.1 0.05", 500, abs(-0.1 * 0.8**2 + 0.05 * 0.8**4) * 0.8 * 500),
        ("OPENCV 640 480 500 500 320 240 -0.1 0.05 0.001 0.002", 500, abs(-0.1 * 0.8**2 + 0.05 * 0.8**4) * 0.8 * 500),
        (
            "FULL_OPENCV 640 480 500 500 320 240 -0.1 0.05 0 0 0 0 0 0",
            500,
            abs(-0.1 * 0.8**2 + 0.05 * 0.8**4) * 0.8 * 500,
        ),
    ],
)
def test_distortion_is_left_out_and_told_in_pixels(tmp_path, line, focal, pixels):
    """640 x 480 at a focal length of 500: the corner lies 0.8 focal lengths from the middle."""
    write_text(tmp_path, colmap_lines(*handheld(2), (0, 1)), f"1 {line}\n".encode())
    file = read_camera(tmp_path)
    np.testing.assert_allclose(file.intrinsics, [[focal, 0, 320], [0, focal, 240], [0, 0, 1]])
    notes = [note for note in file.notes if "lens distortion is" in note]
    assert bool(notes) == (pixels is not None)
    if pixels:
        assert f"by {pixels:.0f} pixels" in notes[0]


def test_distortion_of_a_lens_by_its_formula():
    lens = Lens("RADIAL", 640, 480, (500.0, 320.0, 240.0, -0.1, 0.05))
    x, y = 320 / 500, 240 / 500
    square = x * x + y * y
    moved = np.array([x, y]) * (-0.1 * square + 0.05 * square**2) * 500
    assert lens.distortion() == pytest.approx(np.hypot(*moved))


def test_zoom_is_said(tmp_path):
    cameras = b"1 SIMPLE_PINHOLE 640 480 500 320 240\n2 SIMPLE_PINHOLE 640 480 600 320 240\n"
    lines = [(at, *rest[:2], 1 + at % 2, rest[3]) for at, *rest in colmap_lines(*handheld(4), range(4))]
    write_text(tmp_path, lines, cameras)
    file = read_camera(tmp_path)
    assert any("varies from 500 to 600" in note for note in file.notes)
    assert file.intrinsics[0, 0] == 550


@pytest.mark.parametrize(
    ("cameras", "says"),
    [
        (b"1 OPENCV_FISHEYE 640 480 500 500 320 240 0 0 0 0\n", "OPENCV_FISHEYE is a fisheye lens"),
        (b"1 PANORAMA 640 480 1\n", "'PANORAMA' is not known; wanted one of SIMPLE_PINHOLE"),
        (b"1 PINHOLE 640 480 500 320 240\n", "3 parameters of PINHOLE; wanted 4"),
        (b"1 PINHOLE 640 480 nan 500 320 240\n", "wanted 4 finite"),
        (b"1 PINHOLE 640 480 -5 500 320 240\n", "wanted both over 0"),
        (b"1 PINHOLE 640 x 500 500 320 240\n", "line 1: .*is not numbers"),
        (b"one PINHOLE 640 480 500 500 320 240\n", "'one' is no id"),
        (b"1 PINHOLE\n", "2 words; wanted CAMERA_ID"),
        (b"2 PINHOLE 640 480 500 500 320 240\n", "images of camera 1, which cameras does not have"),
        (b"\xff\xfe", "not a text file"),
    ],
)
def test_bad_lenses_are_named(tmp_path, cameras, says):
    write_text(tmp_path, colmap_lines(*handheld(2), (0, 1)), cameras)
    with pytest.raises(InputError, match=says):
        read_camera(tmp_path)


def test_bad_images_are_named(tmp_path):
    from scipy.spatial.transform import Rotation

    turns, centres = handheld(2)
    cases = {
        "no frame number in the name 'walk.png'": colmap_lines(turns, centres, (0, 1), "walk.png"),
        "two poses of one frame": colmap_lines(turns, centres, (3, 3)),
        "no images": [],
        "quaternions of length 0": [(1, (0, 0, 0, 0), (0, 0, 0), 1, "1.png")],
        "not finite": [(1, (1, 0, 0, 0), (0, np.inf, 0), 1, "1.png")],
        "no common up": colmap_lines(Rotation.from_rotvec([[0, 0, 0], [0, 0, np.pi]]), centres, (0, 1)),
    }
    for says, images in cases.items():
        lines = list(images)
        for write in (write_text, write_binary):
            with pytest.raises(InputError, match=says):
                read_camera(write(tmp_path / write.__name__, lines))
    (tmp_path / "write_text" / "images.txt").write_text("1 1 0 0\n\n")
    with pytest.raises(InputError, match="line 1: 4 words; wanted IMAGE_ID"):
        read_camera(tmp_path / "write_text")


def test_a_binary_model_cut_anywhere_is_refused(tmp_path):
    write_binary(tmp_path, colmap_lines(*handheld(3), range(3)))
    for name in ("cameras.bin", "images.bin"):
        whole = (tmp_path / name).read_bytes()
        for end in range(0, len(whole), 7):
            (tmp_path / name).write_bytes(whole[:end])
            with pytest.raises(InputError, match="cut short|without an end"):
                read_camera(tmp_path)
        (tmp_path / name).write_bytes(struct.pack("<Q", 2**63) + whole[8:])
        with pytest.raises(InputError):
            read_camera(tmp_path)
        (tmp_path / name).write_bytes(whole)


@pytest.mark.parametrize("name", ["missing.json", "missing.npz", "missing.txt", "missing.mov", "."])
def test_no_camera_there(tmp_path, name):
    with pytest.raises(InputError, match="wanted"):
        read_camera(tmp_path / name)


def test_levelling_undoes_any_world():
    """A camera in an upright world, put into another world and back: turned about y and shifted, nothing else."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(2)
    rotation = matrix_from_yaw(np.linspace(0, 3, 30)) @ np.diag([-1.0, -1, 1])  # level, so the mean of up is up
    position = rng.normal(0, 1, (30, 3))
    for turn in Rotation.random(20, random_state=1).as_matrix():
        got = level(Camera(turn @ rotation, position @ turn.T + rng.normal(0, 5, 3)), 1.0)
        np.testing.assert_allclose(got.rotation, rotation, atol=1e-9)
        np.testing.assert_allclose(got.position, position - position[0], atol=1e-9)


# --- Blender -----------------------------------------------------------------------------------------------------


def blender(frames=3, **more):
    """A camera 2 m up at z = 0 that looks along +y (Blender's world) and pans left."""
    from scipy.spatial.transform import Rotation

    entries = []
    for at in range(frames):
        world = np.eye(4)
        world[:3, :3] = Rotation.from_euler("ZX", [0.1 * at, np.pi / 2]).as_matrix()
        world[:3, 3] = [0.5 * at, -3.0, 2.0]
        entries.append({"frame": at + 10, "lens_mm": 50.0, "matrix_world": world.tolist()})
    return {
        "format": "genmo-blender-camera", "fps": 30.0, "width": 1920, "height": 1080, "sensor_fit": "AUTO",
        "sensor_width_mm": 36.0, "sensor_height_mm": 24.0, "shift_x": 0.0, "shift_y": 0.0, "frames": entries,
    } | more  # fmt: skip


def read_blender(tmp_path, **more):
    (tmp_path / "camera.json").write_text(json.dumps(blender(**more)))
    return read_camera(tmp_path / "camera.json")


def test_a_blender_camera_by_hand(tmp_path):
    """Blender (x, y, z) is our (x, z, -y); its camera looks along -z, up is y."""
    file = read_blender(tmp_path)
    camera, notes = file.at_frames(3)
    np.testing.assert_allclose(camera.position, [[0, 2, 3], [0.5, 2, 3], [1, 2, 3]], atol=1e-12)
    np.testing.assert_allclose(camera.rotation[0, :, 2], [0, 0, -1], atol=1e-12)  # along Blender's +y
    np.testing.assert_allclose(-camera.rotation[:, :, 1], [[0, 1, 0]] * 3, atol=1e-12)
    np.testing.assert_allclose(camera.rotation[0, :, 0], [1, 0, 0], atol=1e-12)
    left = camera.rotation[1, :, 2]
    np.testing.assert_allclose(left, [-np.sin(0.1), 0, -np.cos(0.1)], atol=1e-12)
    assert notes == () and file.first_frame == 10 and file.every_frame


def test_what_a_blender_camera_sees(tmp_path):
    """A point in front, to the right and above of it, projected by the pinhole formula in millimetres."""
    file = read_blender(tmp_path, shift_x=0.1, shift_y=-0.05)
    camera, _ = file.at_frames(1)
    point = np.array([0.7, 2.4, -1.0])  # 4 m ahead, 0.7 m to the right, 0.4 m up
    projected = file.intrinsics @ camera.to_camera(point[None])[0]
    sensor = np.array([0.7, 0.4]) / 4 * 50 / 36 - [0.1, -0.05]  # in widths of the sensor, y up, seen past the shift
    np.testing.assert_allclose(projected[:2] / projected[2], [960 + 1920 * sensor[0], 540 - 1920 * sensor[1]])


@pytest.mark.parametrize(
    ("fit", "width", "height", "focal"),
    [
        ("AUTO", 1920, 1080, 50 / 36 * 1920), ("AUTO", 1080, 1920, 50 / 36 * 1920),
        ("HORIZONTAL", 1080, 1920, 50 / 36 * 1080), ("VERTICAL", 1920, 1080, 50 / 24 * 1080),
    ],
)  # fmt: skip
def test_sensor_fits(tmp_path, fit, width, height, focal):
    file = read_blender(tmp_path, sensor_fit=fit, width=width, height=height)
    np.testing.assert_allclose(np.diag(file.intrinsics), [focal, focal, 1])


def test_scale_of_the_object_and_of_the_scene(tmp_path):
    document = blender(metres_per_unit=0.01)
    for entry in document["frames"]:
        entry["matrix_world"] = (np.array(entry["matrix_world"]) @ np.diag([2.0, 3, 0.5, 1])).tolist()
    (tmp_path / "camera.json").write_text(json.dumps(document))
    got, plain = read_camera(tmp_path / "camera.json"), read_blender(tmp_path)
    np.testing.assert_allclose(got.camera.rotation, plain.camera.rotation, atol=1e-12)
    np.testing.assert_allclose(got.camera.position, 0.01 * plain.camera.position, atol=1e-12)


def test_blenders_rate_is_in_the_file(tmp_path):
    camera, _ = read_blender(tmp_path, fps=24.0, frames=25).at_frames(31, fps=99)
    np.testing.assert_allclose(camera.position[:, 0], 0.5 * 24 / 30 * np.arange(31), atol=1e-9)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"format": "x"}, "wanted format genmo-blender-camera"),
        ({"frames": 3}, "frames is no list"),
        ({"frames": []}, "wanted"),
        ({"fps": None}, "fps is None"),
        ({"sensor_fit": "WIDE"}, "sensor_fit is 'WIDE'"),
        ({"width": 0}, "width is 0"),
        ({"metres_per_unit": 0}, "metres_per_unit is 0"),
        ({"frames": [{"frame": 1, "lens_mm": 35, "matrix_world": [[1, 2], [3, 4]]}]}, r"wanted \[frames, 4, 4\]"),
        ({"frames": [{"frame": 1, "lens_mm": 0, "matrix_world": np.eye(4).tolist()}]}, "lens_mm over 0"),
        ({"frames": [{"frame": 1, "lens_mm": 35, "matrix_world": np.zeros((4, 4)).tolist()}]}, "hold no rotations"),
        ({"frames": [{"frame": 1, "lens_mm": 35, "matrix_world": np.diag([1, 1, -1.0, 1]).tolist()}]}, "no rotations"),
    ],
)
def test_bad_blender_cameras(tmp_path, more, says):
    (tmp_path / "camera.json").write_text(json.dumps(blender() | more))
    with pytest.raises(InputError, match=says):
        read_camera(tmp_path / "camera.json")


# --- ours --------------------------------------------------------------------------------------------------------


def test_our_own_file(tmp_path, random_camera):
    camera = random_camera(20)
    poses = np.tile(np.eye(4), (20, 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = camera.rotation, camera.position
    intrinsics = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    np.savez(tmp_path / "camera.npz", camera_to_world=poses, intrinsics=intrinsics)
    file = read_camera(tmp_path / "camera.npz")
    got, notes = file.at_frames(20)
    np.testing.assert_allclose(got.rotation, camera.rotation, atol=1e-9)
    np.testing.assert_allclose(got.position, camera.position)
    np.testing.assert_array_equal(file.intrinsics, intrinsics)
    assert notes == ()
    np.savez(tmp_path / "camera.npz", camera_to_world=poses[::2], fps=15)
    got, _ = read_camera(tmp_path / "camera.npz").at_frames(19)
    np.testing.assert_allclose(got.rotation[::2], camera.rotation[::2], atol=1e-9)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.eye(3)}, r"has \['x'\]; wanted camera_to_world"),
        ({"camera_to_world": np.eye(4)}, r"is \[4, 4\]; wanted \[N, 4, 4\]"),
        ({"camera_to_world": np.zeros((0, 4, 4))}, "0 poses"),
        ({"camera_to_world": 2 * np.eye(4)[None]}, "hold no rotations"),
        ({"camera_to_world": np.diag([1.0, 1, -1, 1])[None]}, "hold no rotations"),
        ({"camera_to_world": np.full((2, 4, 4), np.nan)}, "holds numbers beyond"),
        ({"camera_to_world": np.eye(4)[None], "intrinsics": np.eye(2)}, r"wanted \[3, 3\]"),
        ({"camera_to_world": np.eye(4)[None], "fps": np.array([1, 2])}, "fps has 2 values"),
        ({"camera_to_world": np.eye(4)[None], "fps": np.array("x")}, "wanted numbers"),
    ],
)
def test_bad_files_of_our_own(tmp_path, arrays, says):
    np.savez(tmp_path / "camera.npz", **arrays)
    with pytest.raises(InputError, match=says):
        read_camera(tmp_path / "camera.npz")


def test_one_line_an_image(tmp_path):
    """Poses written by hand have no lines of points, or no empty ones: every pose counts."""
    to_camera, centres = handheld(8)
    lines = list(colmap_lines(to_camera, centres, range(8)))
    expected, _ = read_camera(write_text(tmp_path / "two", lines), scale=1.0).at_frames(8)
    text = (tmp_path / "two" / "images.txt").read_text().splitlines()
    for name, kept in (("none", lambda line: ".png" in line or line[:1] == "#"), ("some", lambda line: line.strip())):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "cameras.txt").write_bytes(CAMERAS)
        (folder / "images.txt").write_text("\n".join(line for line in text if kept(line)))
        file = read_camera(folder, scale=1.0)
        assert file.numbers.tolist() == list(range(8))
        np.testing.assert_allclose(file.at_frames(8)[0].rotation, expected.rotation)


def test_frames_are_the_numbers_that_differ(tmp_path):
    to_camera, centres = handheld(4)
    write_text(tmp_path, colmap_lines(to_camera, centres, range(1, 5), "frame_{:05d}_1080.jpg"))
    assert read_camera(tmp_path).numbers.tolist() == [1, 2, 3, 4]


def tum(to_camera, centres, stamps, comma=" "):
    rows = [comma.join(map(repr, map(float, (*centre, *turn.inv().as_quat())))) for turn, centre in
            zip(to_camera, centres, strict=True)]  # fmt: skip
    return "# timestamp tx ty tz qx qy qz qw\n" + "\n".join(
        f"{s}{comma}{row}" for s, row in zip(stamps, rows, strict=True)
    )


@pytest.mark.parametrize(
    ("stamps", "comma"),
    [
        ([f"{1305031102.175304 + at / 30:.6f}" for at in range(6)], " "),
        ([str(1403636579763555584 + at * 33333333) for at in range(6)], ","),
        (list(range(6)), " "),
        ([f"{at}.000000" for at in range(1, 7)], " "),
    ],
)
def test_tum_trajectories(tmp_path, stamps, comma):
    """The same poses as COLMAP's: camera to world, timed in seconds or nanoseconds, or numbered."""
    to_camera, centres = handheld(6)
    expected, _ = read_camera(write_text(tmp_path, colmap_lines(to_camera, centres, range(6))), scale=0.5).at_frames(6)
    path = tmp_path / "trajectory.txt"
    path.write_text(tum(to_camera, centres, stamps, comma))
    camera, notes = read_camera(path, scale=0.5).at_frames(6)
    np.testing.assert_allclose(camera.rotation, expected.rotation, atol=1e-5)
    np.testing.assert_allclose(camera.position, expected.position, atol=1e-5)
    assert any("poses are timed" in note for note in notes) == (float(stamps[0]) > 10)
    with pytest.raises(InputError, match="line 8: .*wanted timestamp tx"):
        path.write_text(path.read_text() + "\n1 2 3")
        read_camera(path)


def test_images_named_by_their_times(tmp_path):
    to_camera, centres = handheld(6)
    lines = [(*line[:4], f"{1305031102.175304 + at / 30:.6f}.png") for at, line in
             enumerate(colmap_lines(to_camera, centres, range(6)))]  # fmt: skip
    file = read_camera(write_text(tmp_path, lines), scale=1.0)
    np.testing.assert_allclose(file.numbers, np.arange(6) / 30, atol=1e-5)
    numbered = read_camera(write_text(tmp_path / "n", colmap_lines(to_camera, centres, range(6))), scale=1.0)
    np.testing.assert_allclose(file.at_frames(6)[0].rotation, numbered.at_frames(6)[0].rotation, atol=1e-4)


def transforms(to_camera, centres, **more):
    frames = []
    for at, (turn, centre) in enumerate(zip(to_camera, centres, strict=True)):
        matrix = np.eye(4)
        matrix[:3, :3] = turn.inv().as_matrix() @ np.diag([1, -1, -1])
        matrix[:3, 3] = centre
        frames.append({"file_path": f"./images/frame_{at + 1:05d}.png", "transform_matrix": matrix.tolist()})
    return {"w": 640, "h": 480, "fl_x": 500.5, "fl_y": 501.5, "cx": 320.25, "cy": 240.75, "frames": frames[::-1]} | more


def test_nerfstudio(tmp_path):
    to_camera, centres = handheld(5)
    model = read_camera(write_text(tmp_path, colmap_lines(to_camera, centres, range(1, 6))), scale=0.5)
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps(transforms(to_camera, centres, k1=0.0, camera_model="OPENCV")))
    file = read_camera(path, scale=0.5)
    assert file.numbers.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(file.intrinsics, model.intrinsics)
    for part in ("rotation", "position"):
        expected, got = (getattr(one.at_frames(5)[0], part) for one in (model, file))
        np.testing.assert_allclose(got, expected, atol=1e-9)
    path.write_text(json.dumps(transforms(to_camera, centres, fl_x=500, k1=0.3)))
    assert any("lens distortion is left out" in note for note in read_camera(path).notes)
    path.write_text(
        json.dumps({"camera_angle_x": 0.8, "w": 640, "h": 480, "frames": transforms(to_camera, centres)["frames"]})
    )
    assert read_camera(path).intrinsics[0, 0] == pytest.approx(320 / np.tan(0.4))
    for change, says in (
        ({"camera_model": "OPENCV_FISHEYE"}, "no pinhole stands for"),
        ({"frames": []}, "no list of objects"),
        ({"frames": [{"file_path": "1.png", "transform_matrix": [[1, 2], [3, 4]]}]}, "wanted \\[frames, 4, 4\\]"),
        ({"fl_x": "wide"}, "fl_x is 'wide'"),
    ):
        path.write_text(json.dumps(transforms(to_camera, centres, **change)))
        with pytest.raises(InputError, match=says) as caught:
            read_camera(path)
        assert "\n" not in str(caught.value)
