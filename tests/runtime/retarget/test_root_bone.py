"""A root bone in every format: the same joints in the world, the way on the bone."""

import numpy as np
import pytest

from genmo.runtime import keyframes_from_file
from genmo.runtime.cli.retarget import main
from genmo.runtime.formats import load_motion, read_bvh, save_motion
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.retarget import read_character, retarget
from genmo.runtime.retarget.gltf_motion import read_gltf_motion
from genmo.runtime.retarget.root_bone import with_root_bone
from genmo.runtime.support.errors import InputError
from tests.runtime.formats.test_glb import Glb


def test_glb(any_motion, tmp_path):
    save_motion(tmp_path / "a.glb", any_motion, root_bone=True)
    glb = Glb((tmp_path / "a.glb").read_bytes())
    names = [node["name"] for node in glb.json["nodes"]]
    root, (skin,) = names.index("root"), glb.json["skins"]
    assert root in skin["joints"] and skin["skeleton"] == root and len(skin["joints"]) == 25
    assert len(glb.array(skin["inverseBindMatrices"])) == 25
    played = glb.played()
    np.testing.assert_allclose(played[:, :24, :3, 3], any_motion.joints_world(), atol=1e-5)
    track = any_motion.root_track()
    np.testing.assert_allclose(played[:, root, :3, 3], track.position, atol=1e-6)
    np.testing.assert_allclose(played[:, root, :3, :3], track.rotation, atol=1e-6)


def test_bvh(any_motion, tmp_path):
    save_motion(tmp_path / "a.bvh", any_motion, root_bone=True)
    bvh = read_bvh(tmp_path / "a.bvh")
    assert bvh.names[:2] == ("root", "pelvis") and bvh.parents[:2] == (-1, 0)
    joints = bvh.kinematics()[1][:, [bvh.names.index(name) for name in ("root", *JOINTS)]]
    np.testing.assert_allclose(joints[:, 1:], 100 * any_motion.joints_world(), atol=1e-4)
    np.testing.assert_allclose(joints[:, 0], 100 * any_motion.root_track().position, atol=1e-5)


def test_usd(any_motion, tmp_path):
    pytest.importorskip("pxr", reason="pip install usd-core")
    from pxr import Usd, UsdSkel

    save_motion(tmp_path / "a.usd", any_motion, root_bone=True)
    stage = Usd.Stage.Open(str(tmp_path / "a.usd"))
    cache, person = UsdSkel.Cache(), UsdSkel.Root(stage.GetDefaultPrim())
    cache.Populate(person, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(person, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(binding.GetSkeleton())
    assert list(query.GetJointOrder())[:2] == ["root", "root/pelvis"]
    for frame, joints in enumerate(any_motion.joints_world()):
        places = np.array(query.ComputeJointSkelTransforms(Usd.TimeCode(frame)))[:, 3, :3]
        np.testing.assert_allclose(places[1:], joints, atol=2e-6)


def test_npz_has_the_track(motion, tmp_path):
    save_motion(tmp_path / "a.npz", motion, root_bone=True)
    with np.load(tmp_path / "a.npz") as stored:
        np.testing.assert_allclose(stored["root_position"], motion.root_track().position, atol=1e-6)
        np.testing.assert_allclose(stored["root_heading"], motion.root_track().yaw, atol=1e-5)
    np.testing.assert_allclose(load_motion(tmp_path / "a.npz").joints_world(), motion.joints_world(), atol=1e-5)


@pytest.mark.parametrize("suffix", [".bvh", ".glb"])
def test_keyframes_are_the_same_with_it(motion, tmp_path, suffix):
    plain, rooted = tmp_path / f"plain{suffix}", tmp_path / f"rooted{suffix}"
    save_motion(plain, motion)
    save_motion(rooted, motion, root_bone=True)
    one, other = (keyframes_from_file(path, [(7, 0), (20, 9)]) for path in (plain, rooted))
    np.testing.assert_allclose(one.rotations, other.rotations, atol=1e-4)
    np.testing.assert_allclose(one.root, other.root, atol=1e-4)


@pytest.mark.parametrize("suffix", [".bvh", ".glb"])
def test_a_characters_own_root_bone(motion, tmp_path, suffix):
    """Its hips and feet play where they did, and the bone above the hips goes with them."""
    save_motion(tmp_path / f"hero{suffix}", motion.cut(slice(0, 1)), root_bone=True)
    character = read_character(tmp_path / f"hero{suffix}", None)
    plain = retarget(motion, character)
    rooted = with_root_bone(plain)
    root = character.rig.names.index("root")
    one, other = plain.world()[1], rooted.world()[1]
    others = [node for node in range(len(character.rig.names)) if node != root and character.rig.names[node] != "body"]
    np.testing.assert_allclose(one[:, others], other[:, others], atol=1e-9 * np.abs(one).max())
    hips = one[:, character.bones.hips] * [1.0, 0.0, 1.0]
    assert np.ptp(one[:, root]) == 0 and np.linalg.norm(other[:, root] - hips, axis=1)[[0, -1]].max() < 1e-6


def test_a_character_in_a_file(motion, tmp_path):
    save_motion(tmp_path / "hero.glb", motion.cut(slice(0, 1)), root_bone=True)
    save_motion(tmp_path / "move.npz", motion)
    out = [tmp_path / "out.glb", tmp_path / "plain.glb"]
    arguments = [str(tmp_path / "move.npz"), "--character", str(tmp_path / "hero.glb"), "--out"]
    assert main([*arguments, str(out[0]), "--root-bone"]) == 0 and main([*arguments, str(out[1])]) == 0
    rooted, plain = (Glb(path.read_bytes()).played()[:, :24, :3, 3] for path in out)
    np.testing.assert_allclose(rooted, plain, atol=1e-5)
    np.testing.assert_allclose(
        read_gltf_motion(out[0]).joints_world(), read_gltf_motion(out[1]).joints_world(), atol=1e-4
    )


def test_hips_that_hang_on_nothing(motion, tmp_path, capsys):
    save_motion(tmp_path / "hero.bvh", motion)
    save_motion(tmp_path / "move.npz", motion)
    with pytest.raises(InputError, match="no bone above its hips, 'pelvis'"):
        with_root_bone(retarget(motion, read_character(tmp_path / "hero.bvh")))
    arguments = [str(tmp_path / "move.npz"), "--character", str(tmp_path / "hero.bvh"), "--root-bone"]
    assert main([*arguments, "--out", str(tmp_path / "out.bvh")]) == 2
    assert "no bone above its hips" in capsys.readouterr().err and not (tmp_path / "out.bvh").exists()
