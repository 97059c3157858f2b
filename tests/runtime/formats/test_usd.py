"""UsdSkel, read back with usd-core's own evaluation."""

import sys
import zipfile

import numpy as np
import pytest

from genmo.runtime.formats import check_suffix, save_motion
from genmo.runtime.motion.skeleton import JOINTS, rest_joints
from genmo.runtime.support.errors import BackendError


@pytest.mark.parametrize("suffix", [".usd", ".usda", ".usdz"])
def test_joints_and_skin(tmp_path, any_motion, suffix):
    pytest.importorskip("pxr", reason="pip install usd-core")
    from pxr import Usd, UsdGeom, UsdSkel

    path = tmp_path / f"walk{suffix}"
    save_motion(path, any_motion)
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (30, any_motion.frames - 1)
    cache = UsdSkel.Cache()
    root = UsdSkel.Root(stage.GetDefaultPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(binding.GetSkeleton())
    assert [token.split("/")[-1] for token in query.GetJointOrder()] == list(JOINTS)
    rotations, joints = any_motion.kinematics()
    for frame in range(any_motion.frames):
        transforms = np.array(query.ComputeJointSkelTransforms(Usd.TimeCode(frame)))
        np.testing.assert_allclose(transforms[:, 3, :3], joints[frame], atol=2e-6)
        np.testing.assert_allclose(np.swapaxes(transforms[:, :3, :3], 1, 2), rotations[frame], atol=2e-6)
    rest = np.array(binding.GetSkeleton().GetBindTransformsAttr().Get())[:, 3, :3]
    np.testing.assert_allclose(rest - rest[0], rest_joints(any_motion.rest_offsets), atol=1e-9)
    (skin,) = binding.GetSkinningTargets()
    points = UsdGeom.Mesh(skin.GetPrim()).GetPointsAttr().Get()
    moved = query.ComputeSkinningTransforms(Usd.TimeCode(any_motion.frames - 1))
    assert skin.ComputeSkinnedPoints(moved, points, Usd.TimeCode(0))
    gaps = np.linalg.norm(np.array(points)[:, None] - joints[-1][None], axis=-1).min(axis=1)
    assert gaps.max() < 0.35


def test_without_usd_core_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(BackendError, match=r"pip install 'genmo-motion\[usd\]'"):
        check_suffix("walk.usd")


def test_a_package_is_the_same_later(tmp_path, any_motion):
    """A zip tells the time of its files: always the same one."""
    pytest.importorskip("pxr", reason="pip install usd-core")
    save_motion(tmp_path / "walk.usdz", any_motion)
    with zipfile.ZipFile(tmp_path / "walk.usdz") as package:
        assert {member.date_time for member in package.infolist()} == {(2000, 1, 1, 0, 0, 0)}
