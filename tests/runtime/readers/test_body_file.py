"""SMPL-X body files: three arrays are read, nothing is unpickled, and any other file is one line."""

import numpy as np
import pytest

from genmo.runtime.motion.smpl_body import HANDS, SmplBody, rest_offsets
from genmo.runtime.readers.body_file import WANTED, read_smplx_body
from genmo.runtime.support.errors import InputError

VERTICES = 70


def arrays(joints=55, components=20):
    rng = np.random.default_rng(joints)
    regressor = rng.random((joints, VERTICES))
    return {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": rng.normal(size=(VERTICES, 3, components)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
    }


def write(folder, **changes):
    stored = {name: array for name, array in (arrays() | changes).items() if array is not None}
    np.savez(folder / "SMPLX_NEUTRAL.npz", **stored)
    return folder / "SMPLX_NEUTRAL.npz"


@pytest.mark.parametrize(("components", "shapes"), [(10, 10), (20, 10), (400, 300)])
def test_rest_joints_are_those_of_the_shaped_mesh(tmp_path, components, shapes):
    """Regressed from the vertices that the betas move, joint by joint; expressions behind the betas are left out.

    The owners' file also holds pickled objects, which are passed over.
    """
    body_arrays = arrays(components=components)
    body = read_smplx_body(write(tmp_path, **body_arrays, part2num=np.array([{"a": 1}], object)))
    betas = np.random.default_rng(1).normal(size=10)
    shaped = body_arrays["v_template"] + body_arrays["shapedirs"][..., :10] @ betas
    expected = np.stack([body_arrays["J_regressor"][joint] @ shaped for joint in [*range(22), 28, 43]])
    np.testing.assert_allclose(body.rest(betas), expected, atol=1e-12)
    assert body.shapes.shape == (24, 3, shapes)
    offsets = rest_offsets(body.rest(betas))
    np.testing.assert_allclose(offsets[4], expected[4] - expected[1], atol=1e-12)
    assert not offsets[0].any()


BAD = {
    "no shapes": {"shapedirs": None},
    "another body": arrays(24, 10),
    "text": {"v_template": np.array(["a"] * VERTICES)},
    "pickled": {"v_template": np.array([{}], object)},
    "NaN": {"v_template": np.full((VERTICES, 3), np.nan)},
    "other vertices": {"v_template": np.zeros((VERTICES + 1, 3))},
    "flat shapes": {"shapedirs": np.zeros((VERTICES, 3))},
    "a number": {"J_regressor": np.array(1.0)},
}


@pytest.mark.parametrize("name", BAD)
def test_any_other_file_is_one_line(tmp_path, name):
    with pytest.raises(InputError) as caught:
        read_smplx_body(write(tmp_path, **BAD[name]))
    assert WANTED in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_npz_is_named(tmp_path):
    for path, what in ((tmp_path / "a.pkl", "is no .npz"), (tmp_path / "a.npz", "no such file")):
        with pytest.raises(InputError, match=what):
            read_smplx_body(path)
    (tmp_path / "b.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not a readable"):
        read_smplx_body(tmp_path / "b.npz")


def test_all_bodies_of_the_family_have_24_joints():
    for joints in HANDS:
        body_arrays = arrays(joints, 10)
        assert SmplBody.of(
            body_arrays["v_template"], body_arrays["shapedirs"], body_arrays["J_regressor"]
        ).template.shape == (24, 3)
