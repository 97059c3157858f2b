"""Features beside clips: found by name, fitted to the frames, kept by the store, refused when they do not fit."""

import wave

import numpy as np
import pytest

from genmo.runtime.formats import to_bvh
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.readers.music import read_music
from genmo.runtime.support.errors import InputError
from genmo.train.datasets import prepare
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.features import with_features
from genmo.train.datasets.store import Recording, read_store, write_store


@pytest.fixture
def plain(random_motion):
    def make(name="walk", frames=60):
        motion = random_motion(frames, 0)
        parts = (motion.rotations, motion.translation, shape_space().offsets(motion.betas))
        return Clip(name, "person", ("walk",), *(part.astype(np.float32) for part in parts))

    return make


def filmed(clip, **changes):
    parts = {name: getattr(clip, name) for name in Clip.__dataclass_fields__}
    return Recording(**parts, keypoints=np.ones((clip.frames, 17, 3), np.float32), **changes)


def write_tone(path, seconds):
    """Clicks twice a second."""
    samples = (np.arange(int(22050 * seconds)) % 11025 < 400) * 20000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(samples.astype("<i2").tobytes())


def test_they_are_found_by_the_clips_name_or_its_track(plain, tmp_path):
    """Sound files become the runtime's own features; a track is shared by its clips."""
    pytest.importorskip("soundfile")
    write_tone(tmp_path / "mBR0.wav", 3)
    np.save(tmp_path / "own.npy", np.arange(120.0).reshape(60, 2))
    clips = [filmed(plain(name), extra={"music": "mBR0"}) for name in ("a", "b")]
    found = list(with_features([*clips, plain("c")], None, tmp_path))
    wanted = read_music(tmp_path / "mBR0.wav")[:60]
    for clip in found[:2]:
        np.testing.assert_allclose(clip.music, wanted, rtol=1e-6, atol=1e-6)  # kept in float32
    assert found[2].music is None and found[2].name == "c"
    (own,) = with_features([filmed(plain("own"), extra={"music": "mBR0"})], None, tmp_path)
    np.testing.assert_array_equal(own.music, np.load(tmp_path / "own.npy"))


def test_they_come_back_from_the_store_and_are_cut_with_the_clip(plain, tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(50, 7)))  # the last ten frames are repeated
    (clip, other) = with_features([filmed(plain("a")), plain("b", 20)], tmp_path, None)
    write_store([clip, other], tmp_path / "set", kind="test", licence="none")
    back = read_store(tmp_path / "set")
    np.testing.assert_array_equal(back[0].video, clip.video)
    assert back[0].video.shape == (60, 7) and back[1].video is None and back[0].music is None
    np.testing.assert_array_equal(back[0].video[50:], np.repeat(clip.video[49:50], 10, axis=0))
    part = back[0].cut(slice(5, 30))
    assert (part.frames, len(part.video), len(part.keypoints), part.name) == (25, 25, 25, "set/a[5:30]")
    np.testing.assert_array_equal(part.rotations, clip.rotations[5:30])


@pytest.mark.parametrize(
    ("shape", "film", "message"),
    [
        ((44, 7), True, "44 frames of features, clip a has 60; wanted 30 a second"),
        ((60, 7), False, "clip a has neither keypoints nor a camera"),
        ((60,), True, "a.npy"),
    ],
)
def test_features_that_do_not_fit_are_refused(plain, tmp_path, shape, film, message):
    np.save(tmp_path / "a.npy", np.ones(shape))
    clip = filmed(plain("a")) if film else plain("a")
    with pytest.raises(InputError, match=message):
        list(with_features([clip], tmp_path, None))


def test_folders_that_hold_nothing_are_refused(plain, tmp_path):
    with pytest.raises(InputError, match="features of no clip; wanted music files named like the clips"):
        list(with_features([plain()], None, tmp_path))
    with pytest.raises(InputError, match="nowhere: no such folder; wanted the video features"):
        list(with_features([plain()], tmp_path / "nowhere", None))


def test_widths_of_a_folder_are_one(plain, tmp_path):
    for name, width in (("a", 7), ("b", 8)):
        np.save(tmp_path / f"{name}.npy", np.ones((60, width)))
    clips = with_features([filmed(plain("a")), filmed(plain("b"))], tmp_path, None)
    with pytest.raises(InputError, match=r"clip b: video of shape \(60, 8\); wanted finite \[60, 7\]"):
        write_store(clips, tmp_path / "set", kind="test", licence="none")
    assert not (tmp_path / "set").exists()


def test_the_command_tells_how_many_have_some(random_motion, tmp_path, capsys):
    (tmp_path / "bvh").mkdir()
    (tmp_path / "music").mkdir()
    for name in ("dance", "walk"):
        (tmp_path / "bvh" / f"{name}.bvh").write_bytes(to_bvh(random_motion(40, 0)))
    np.save(tmp_path / "music" / "dance.npy", np.ones((40, 35)))
    arguments = ["bvh", str(tmp_path / "bvh"), "--out", str(tmp_path / "out"), "--music", str(tmp_path / "music")]
    assert prepare.main(arguments) == 0
    assert "2 clips, 0.0 minutes, 0 with captions, 1 with music" in capsys.readouterr().out
    assert [clip.music is not None for clip in read_store(tmp_path / "out")] == [True, False]
