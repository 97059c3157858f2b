"""genmo_estimate with an engine of released weights against MotionModel.estimate; what such an engine does not do."""

import numpy as np
import pytest

pytest.importorskip("onnxscript")

from genmo.runtime import MotionModel
from genmo.runtime.support import native
from genmo.runtime.support.errors import BackendError
from tests.kernels.made_keypoints import cases
from tests.kernels.made_released import write_released
from tests.kernels.native_abi import Model
from tests.kernels.native_endless import Generator
from tests.kernels.native_stream import Stream
from tests.kernels.test_native_estimate import agree

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

CASES = cases()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """GEM-SMPL's format."""
    return write_released("gem", tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="module")
def released(engine):
    with Model(engine) as opened:
        yield opened


@pytest.fixture(scope="module")
def python(engine):
    return MotionModel.load(engine, backend="onnxruntime", threads=1)


NAMES = ("walk, moving camera", "walk, guessed lens", "dog_keypoints", "no camera track", "one frame", "two frames")


@pytest.mark.parametrize("name", NAMES)
def test_motions_are_those_of_the_runtime(name, released, python):
    made, expected = released.estimate(CASES[name]), python.estimate(CASES[name])
    agree(made, expected)
    assert np.ptp(expected.joints_world()[:, :, 1]) > 1.2  # a person, not noise
    assert np.abs(made["root_in_camera"][:, 4:] - expected.root_camera.translation).max() < 5e-5


@pytest.mark.parametrize(("option", "twin"), [("raw_keypoints", "clean_keypoints"), ("unfitted", "fit")])
def test_stages_are_left_out_as_in_the_runtime(option, twin, released, python):
    keypoints = CASES["walk, moving camera"]
    agree(released.estimate(keypoints, **{option: 1}), python.estimate(keypoints, **{twin: False}))


def test_where_nobody_is_seen_there_is_no_place_in_the_camera(released, python):
    made, expected = released.estimate(CASES["nobody"]), python.estimate(CASES["nobody"])
    agree(made, expected)
    assert expected.root_camera is None and np.isnan(made["root_in_camera"][:, 4:]).all()


def test_the_same_bytes_for_any_number_of_threads(engine, released):
    expected = released.estimate(CASES["walk, moving camera"])["joints"]
    with Model(engine, threads=3) as other:
        assert other.estimate(CASES["walk, moving camera"])["joints"].tobytes() == expected.tobytes()


def test_what_released_weights_do_not_do_is_refused_in_a_sentence(released):
    for what, begin in (
        ("generation", lambda: released.generate("a person walks", frames=30)),
        ("reading texts", lambda: released.read("a person walks", 50, 12)),
        ("a stream", lambda: Stream(released, intrinsics=np.diag([900.0, 900, 1]))),
        ("endless motion", lambda: Generator(released)),
    ):
        with pytest.raises(BackendError, match=f"^{what} of released weights .* wanted genmo-run --engine"):
            begin()
