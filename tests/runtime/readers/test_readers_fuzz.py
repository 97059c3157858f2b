"""Spoilt files: read, or refused with an InputError; nothing else.  100,000 of each: benchmarks/fuzz_inputs.py."""

import pytest

IN_MEMORY = [
    "openpose", "mmpose", "mmpose-names", "coco-results", "alphapose", "mediapipe", "blender", "colmap-cameras-text",
    "colmap-images-text", "colmap-cameras-binary", "colmap-images-binary",
]  # fmt: skip
THROUGH_FILES = [
    "keypoints-npz", "camera-npz", "features-npy", "wav", "flac", "ogg", "mp3", "mp4", "bvh",
    "bvh-character", "glb", "vrm", "motion-npz", "keyframes-npz", "constraints-npz", "timeline", "character-map",
]  # fmt: skip


@pytest.fixture(scope="module")
def readers(fuzz):
    return fuzz.all_readers()


def test_every_reader_is_here(readers):
    assert set(readers) <= {*IN_MEMORY, *THROUGH_FILES}


def run(fuzz, readers, name, folder, examples):
    if name not in readers:
        pytest.skip('pip install "genmo-motion[music]" av')
    reader, path = readers[name], folder / f"x{readers[name].suffix}"
    assert fuzz.attempt(reader, reader.valid, path)
    taken = sum(fuzz.attempt(reader, data, path) for data in fuzz.spoilt_files(reader, examples))
    assert taken < examples


@pytest.mark.parametrize("name", IN_MEMORY + THROUGH_FILES)
def test_a_valid_file_is_read_and_spoilt_ones_do_no_harm(fuzz, readers, name, tmp_path):
    run(fuzz, readers, name, tmp_path, 200 if name in IN_MEMORY else 50)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_MEMORY + THROUGH_FILES)
def test_two_thousand_spoilt_files(fuzz, readers, name, tmp_path):
    run(fuzz, readers, name, tmp_path, 2000)
