"""The clip format: what goes in comes back, from disk, and what was altered is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording, is_store, read_store, write_store


def clip(random_motion, random_camera, seed, frames=20, full=False):
    motion = random_motion(frames, seed)
    rng = np.random.default_rng(seed)
    base = dict(
        name=f"walk_{seed}",
        subject=f"person_{seed % 2}",
        captions=(f"a person walks on trial {seed}", "wälk"),
        rotations=motion.rotations.astype(np.float32),
        translation=motion.translation.astype(np.float32),
        offsets=shape_space().offsets(motion.betas).astype(np.float32),
    )
    if not full:
        return Clip(**base)
    return Recording(
        **base,
        keypoints=rng.normal(size=(frames, 17, 3)).astype(np.float32),
        camera=random_camera(frames, seed),
        intrinsics=np.array([[900.0, 0, 500], [0, 900, 400], [0, 0, 1]]),
        image_size=(1000, 800),
        valid=rng.random(frames) < 0.5,
        truth="local",
        extra={"split": "train"},
    )


@pytest.fixture
def clips(random_motion, random_camera):
    """Plain and full clips in turn, of several lengths, one of a single frame."""
    lengths = [20, 1, 33, 7]
    return [clip(random_motion, random_camera, seed, n, full=seed % 2 == 0) for seed, n in enumerate(lengths)]


def test_what_goes_in_comes_back(tmp_path, clips):
    assert write_store(iter(clips), tmp_path / "set", kind="test", licence="none") == 4
    back = read_store(tmp_path / "set")
    for want, got in zip(clips, back, strict=True):
        assert got.name == f"set/{want.name}" and got.subject == f"set/{want.subject}"
        assert got.captions == want.captions
        for part in ("rotations", "translation", "offsets"):
            np.testing.assert_array_equal(getattr(got, part), getattr(want, part))
        if isinstance(want, Recording):
            np.testing.assert_array_equal(got.keypoints, want.keypoints)
            np.testing.assert_array_equal(got.valid, want.valid)
            np.testing.assert_allclose(got.camera.rotation, want.camera.rotation, atol=1e-6)
            np.testing.assert_allclose(got.camera.position, want.camera.position, atol=1e-6)
            np.testing.assert_array_equal(got.intrinsics, want.intrinsics)
            assert (got.image_size, got.truth, got.extra) == (want.image_size, want.truth, want.extra)
        else:
            assert got.keypoints is got.camera is got.intrinsics is got.valid is None and got.truth == "world"


def test_arrays_are_plain_npy_files_mapped_from_disk(tmp_path, clips):
    write_store(clips, tmp_path / "set", kind="test", licence="none")
    plain = np.load(tmp_path / "set" / "rotations.npy")
    assert plain.shape == (61, 24, 3, 3) and plain.dtype == np.float32
    assert len(np.load(tmp_path / "set" / "keypoints.npy")) == 53  # only of the clips that have some
    first = read_store(tmp_path / "set")[0].rotations
    while isinstance(first.base, np.ndarray):
        first = first.base
    assert isinstance(first, np.memmap) or first.base is not None
    assert not read_store(tmp_path / "set")[0].rotations.flags.writeable


def test_the_same_clips_make_the_same_bytes(tmp_path, clips):
    for name in ("a", "b"):
        write_store(clips, tmp_path / name, kind="test", licence="none")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_is_store_knows_its_own(tmp_path, clips, motion_set):
    write_store(clips, tmp_path / "set", kind="test", licence="none")
    assert is_store(tmp_path / "set")
    assert not is_store(motion_set) and not is_store(tmp_path)


def folder_of(tmp_path, clips) -> Path:
    write_store(clips, tmp_path / "set", kind="test", licence="none")
    return tmp_path / "set"


def test_an_altered_number_is_found(tmp_path, clips):
    folder = folder_of(tmp_path, clips)
    data = bytearray((folder / "translation.npy").read_bytes())
    read_store(folder)  # what was seen of a file counts no longer when it changed
    data[-1] ^= 1
    (folder / "translation.npy").write_bytes(data)
    with pytest.raises(InputError, match="translation.npy: its checksum is not the one"):
        read_store(folder)


def spoil(folder, change):
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.update(version=9), "'genmo-clips' 9; wanted genmo-clips 1"),
        (lambda i: i["clips"][3].update(frames=9999), "reaches past the end"),
        (lambda i: i["files"]["rotations"].update(shape=[5, 24, 3, 3]), r"rotations.npy: .* its index says \[5"),
        (lambda i: i["clips"][0].pop("captions"), "no entry 'captions'"),
        (lambda i: i["clips"][0].update(captions=[5]), "clip 0 has a name, subject, truth or caption that is no text"),
        (lambda i: i["clips"][1].update(name=None), "clip 1 has a name, subject, truth or caption that is no text"),
        (
            lambda i: i["clips"][1]["rows"].update(translation=0.5),
            "clip 1 has frames or rows that are no whole numbers",
        ),
        (lambda i: i.update(fps=0), "0 frames a second; wanted 30"),
        (lambda i: i.pop("files"), "no entry 'files'"),
        (lambda i: i["files"].update({"../x": {"shape": [1], "dtype": "<f4", "sha256": ""}}), "lists an array '../x'"),
    ],
)
def test_a_wrong_index_is_one_clear_error(tmp_path, clips, change, message):
    folder = folder_of(tmp_path, clips)
    spoil(folder, change)
    with pytest.raises(InputError, match=message):
        read_store(folder)


def test_missing_files_are_named(tmp_path, clips):
    folder = folder_of(tmp_path, clips)
    (folder / "camera.npy").unlink()
    with pytest.raises(InputError, match="camera.npy"):
        read_store(folder)
    with pytest.raises(InputError, match="wanted a folder that"):
        read_store(tmp_path / "nowhere")


def test_nothing_half_written_stays(tmp_path, clips):
    def failing():
        yield clips[0]
        raise InputError("file 2 is broken")

    with pytest.raises(InputError, match="file 2 is broken"):
        write_store(failing(), tmp_path / "set", kind="test", licence="none")
    with pytest.raises(InputError, match="no clip found"):
        write_store([], tmp_path / "set", kind="test", licence="none")
    assert list(tmp_path.iterdir()) == []
    folder_of(tmp_path, clips)
    with pytest.raises(InputError, match="exists already"):
        write_store(clips, tmp_path / "set", kind="test", licence="none")


def test_a_clip_that_does_not_fit_is_named(tmp_path, clips):
    broken = Clip("bad", "x", (), clips[0].rotations, clips[0].translation * np.nan, clips[0].offsets)
    with pytest.raises(InputError, match=r"clip bad: translation of shape \(20, 3\); wanted finite"):
        write_store([broken], tmp_path / "set", kind="test", licence="none")
