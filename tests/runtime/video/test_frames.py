"""Frames come upright and at 30 a second, whatever the file; a file that was cut short says so."""

import numpy as np
import pytest
from conftest_video import spot, write_video

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.frames import clip_frames, frames, intrinsics_of_35mm, read_info, source_frames


def numbered(count, size=(64, 48)):
    """Pictures that say by their grey which one they are."""
    return [np.full((size[1], size[0], 3), 20 + 6 * number, np.uint8) for number in range(count)]


def number_of(image):
    return round((float(image.mean()) - 20) / 6)


@pytest.mark.parametrize("fps", [15, 24, 25, 30, 60])
def test_every_rate_comes_at_thirty(tmp_path, fps):
    path = write_video(tmp_path / "v.mp4", numbered(30), fps=fps)
    found = list(frames(path))
    times = np.array([time for time, _ in found])
    assert len(found) == int(29 / fps * 30 + 1e-6) + 1
    np.testing.assert_allclose(times, np.arange(len(found)) / 30)
    shown = np.array([number_of(image) for _, image in found]) / fps
    assert np.abs(shown - times).max() <= 0.5 / fps + 1e-6  # the nearest of the source's frames


def test_a_variable_rate_is_taken_at_its_own_times(tmp_path):
    times = [0, 0.02, 0.05, 0.2, 0.21, 0.4, 0.44]
    path = write_video(tmp_path / "v.mp4", numbered(7), times)
    np.testing.assert_allclose([time for time, _ in source_frames(path)], times, atol=1e-3)
    found = [number_of(image) for _, image in frames(path)]
    wanted = [int(np.abs(np.array(times) - at / 30).argmin()) for at in range(14)]
    assert found == wanted
    clips = list(clip_frames(path))
    assert [number for clip in clips for number in clip.clip] == list(range(14))


def test_frames_at_their_own_times(tmp_path):
    path = write_video(tmp_path / "v.mp4", numbered(5), fps=24)
    np.testing.assert_allclose([time for time, _ in frames(path, fps=None)], np.arange(5) / 24, atol=1e-3)


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_one_frame_is_one_frame(tmp_path, fps):
    path = write_video(tmp_path / "v.mp4", numbered(1), fps=fps)
    assert [time for time, _ in frames(path)] == [0]


def turn_header(path, matrix):
    """Write another matrix [9] into the track header of an .mp4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: 4 flags, 20 times and ids, 8 reserved, 8 layer to volume
    for number, value in enumerate(matrix):
        fraction = 30 if number % 3 == 2 else 16
        data[at + 4 * number : at + 4 * number + 4] = int(value * 2**fraction).to_bytes(4, "big", signed=True)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, 0, -1, 0, 0, 48, 0, 1), lambda image: np.rot90(image, -1)),  # as a phone held upright writes it
        ((-1, 0, 0, 0, -1, 0, 64, 48, 1), lambda image: np.rot90(image, 2)),
        ((0, -1, 0, 1, 0, 0, 0, 64, 1), lambda image: np.rot90(image, 1)),
    ],
)
def test_the_rotation_of_the_header_is_obeyed(tmp_path, matrix, turned):
    image = spot(64, 48, 12, 9)
    path = write_video(tmp_path / "v.mp4", [image] * 3)
    turn_header(path, matrix)
    wanted = turned(image)
    for _, found in frames(path):
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).mean() < 6
    info = read_info(path)
    assert (info.height, info.width) == wanted.shape[:2]


def test_the_lens_comes_from_the_header_or_is_stated(tmp_path):
    info = read_info(write_video(tmp_path / "v.mp4", numbered(2)))
    assert info.intrinsics[0, 0] == pytest.approx(80) and "diagonal" in info.intrinsics_source
    # 43.27 mm is the diagonal of film: the default; 26 mm is a phone
    np.testing.assert_allclose(intrinsics_of_35mm(26, 64, 48)[0, 0], 80 * 26 / 43.2666, rtol=1e-4)


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    whole = write_video(tmp_path / "v.mp4", numbered(40)).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: len(whole) // 2])  # the index is at the end
    noise = list(np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8))
    early = write_video(tmp_path / "e.mp4", noise, container={"movflags": "faststart"}).read_bytes()
    (tmp_path / "c.mp4").write_bytes(early[: len(early) // 2])
    for name, says in (
        ("a", "not a video"),
        ("b", "cut short"),
        ("c", "cut short|cannot be decoded"),
        ("d", "no such"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            list(frames(tmp_path / f"{name}.mp4"))
        assert "\n" not in str(caught.value)


def test_sound_alone_is_no_video(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "s.wav", np.zeros(8000), 8000)
    with pytest.raises(InputError, match="no video in it"):
        list(frames(tmp_path / "s.wav"))
