"""Frames come upright and at 30 a second, whatever the file; a file that was cut short says so."""

from fractions import Fraction

import numpy as np
import pytest
from conftest_video import av, spot, write_video

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
    result = list(frames(path))
    times = np.array([time for time, _ in result])
    assert len(result) == int(29 / fps * 30 + 1e-6) + 1
    np.testing.assert_allclose(times, np.arange(len(result)) / 30)
    shown = np.array([number_of(image) for _, image in result]) / fps
    assert np.abs(shown - times).max() <= 0.5 / fps + 1e-6  # the nearest of the source's frames


def test_a_variable_rate_is_taken_at_its_own_times(tmp_path):
    times = [0, 0.02, 0.05, 0.2, 0.21, 0.4, 0.44]
    path = write_video(tmp_path / "v.mp4", numbered(7), times)
    np.testing.assert_allclose([time for time, _ in source_frames(path)], times, atol=1e-3)
    result = [number_of(image) for _, image in frames(path)]
    expected = [int(np.abs(np.array(times) - at / 30).argmin()) for at in range(14)]
    assert result == expected
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
    expected = turned(image)
    for _, result in frames(path):
        assert result.shape == expected.shape
        assert np.abs(result.astype(int) - expected).mean() < 6
    info = read_info(path)
    assert (info.height, info.width) == expected.shape[:2]


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 0, 1, 0, 64, 0, 1), lambda image: image[:, ::-1]),  # as a front camera writes it
        ((1, 0, 0, 0, -1, 0, 0, 48, 1), lambda image: image[::-1]),
        ((0, 1, 0, 1, 0, 0, 0, 0, 1), lambda image: image.transpose(1, 0, 2)),
        ((0, -1, 0, -1, 0, 0, 48, 64, 1), lambda image: image.transpose(1, 0, 2)[::-1, ::-1]),
        ((-0.99, 0.05, 0, 0.05, 0.99, 0, 64, 0, 1), lambda image: image[:, ::-1]),
    ],
)
def test_the_mirrors_of_the_header_are_obeyed(tmp_path, matrix, shown):
    image = spot(64, 48, 12, 9)
    path = write_video(tmp_path / "v.mp4", [image] * 2)
    turn_header(path, matrix)
    expected = shown(image)
    for _, result in frames(path):
        assert result.shape == expected.shape
        assert np.abs(result.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_that_are_not_square(tmp_path, turned):
    """Anamorphic files, DV and HDV: the person is as wide as players show it, and so is the lens."""
    path = write_video(tmp_path / "v.mp4", [spot(64, 48, 20, 12)] * 3, aspect=Fraction(2, 1))
    if turned:
        turn_header(path, (0, 1, 0, -1, 0, 0, 48, 0, 1))
    info = read_info(path)
    image = next(frames(path))[1]
    assert (info.width, info.height) == ((48, 128) if turned else (128, 48))
    assert image.shape == (info.height, info.width, 3)
    assert info.intrinsics[0, 0] == pytest.approx(np.hypot(128, 48), rel=1e-6)
    y, x = np.argwhere(image[..., 0] > 128).mean(axis=0) + 0.5
    assert np.allclose((x, y), (48 - 12, 40) if turned else (40, 12), atol=1.5)


def test_pixels_of_no_picture_are_refused(tmp_path):
    path = write_video(tmp_path / "v.mp4", numbered(2), aspect=Fraction(40, 1))
    with pytest.raises(InputError, match="pixels 40 times as wide as high"):
        read_info(path)


def test_a_last_frame_may_be_shown_for_long(tmp_path):
    """Screen recorders hold it: the header's length is no sign of a file that was cut short."""
    path = write_video(tmp_path / "v.mp4", numbered(20), [*np.arange(20) / 30], last=3.0)
    assert read_info(path).seconds > 3
    assert [round(30 * time) for time, _ in source_frames(path)] == list(range(20))
    assert len(list(frames(path))) == 20


def test_a_video_that_begins_after_its_sound(tmp_path):
    """Matroska's DURATION counts from 0, where the sound began."""
    path = write_video(tmp_path / "v.mkv", numbered(20), [*(4 + np.arange(20) / 30)])
    assert read_info(path).seconds == pytest.approx(20 / 30, abs=0.1)
    times = [time for time, _ in source_frames(path)]
    np.testing.assert_allclose(times, np.arange(20) / 30, atol=2e-3)


def test_a_damaged_packet_is_skipped_with_a_note(tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8))
    path = write_video(tmp_path / "v.mp4", noise)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    place, size = packets[14]
    data[place : place + size] = b"\xff" * size
    path.write_bytes(bytes(data))
    notes = []
    result = list(frames(path, notes=notes))
    assert len(result) == 30
    assert len(notes) == 1 and "1 damaged packets were skipped" in notes[0]
    for place, size in packets:
        data[place : place + size] = b"\xff" * size
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="not one frame in it .*Invalid data"):
        list(frames(path))


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
