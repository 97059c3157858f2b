"""Motion between keyframes: what it is compared with and measured on."""

import json
from dataclasses import replace

import numpy as np

from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.train.evaluation import completion, inbetweening
from genmo.train.evaluation.__main__ import main
from genmo.train.evaluation.simulated import true_joints


def test_in_betweening_meets_its_keyframes(motion_set, tiny_checkpoint, capsys, monkeypatch):
    gaps = {name: completion.GAPS[name] for name in ("middle 25 %",)}
    monkeypatch.setattr(completion, "GAPS", gaps)
    arguments = [
        "--checkpoint",
        str(tiny_checkpoint),
        "--data",
        str(motion_set),
        "--subjects",
        "made30/02",
        "--clips",
        "1",
    ]
    assert main([*arguments, "--in-betweening", "--samples", "2", "--steps", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = result["in_betweening"]
    assert list(rows) == [f"{count} keyframes, {how}" for count in (2, 5) for how in ("slerp", "genmo")]
    assert max(result["keyframe_error"].values()) < 1e-6
    assert rows["5 keyframes, slerp"]["PA-MPJPE"]["value"] < rows["2 keyframes, slerp"]["PA-MPJPE"]["value"]
    assert len(result["completion"]) == 4 and result["completion_samples"] == 2
    assert result["samples"] == 2 and result["measured_clips"] == 1


def test_slerp_goes_through_the_keyframes(clips):
    """At the keyframes the pose is the clip's, between two of the same pose nothing moves, the root stays put."""
    clip = clips[0]
    keys = inbetweening.keyframes_of(clip, 5)
    assert keys.frames.tolist() == [0, 25, 50, 74, 99] and np.isnan(keys.root).all()
    joints = inbetweening.between_by_slerp(clip, keys)
    wanted = true_joints(clip)[keys.frames]
    np.testing.assert_allclose(joints[keys.frames] - joints[keys.frames][:, :1], wanted - wanted[:, :1], atol=1e-5)
    np.testing.assert_allclose(joints[:, 0], np.tile(clip.translation[0], (clip.frames, 1)), atol=1e-6)
    same = replace(keys, rotations=np.repeat(keys.rotations[:1], 5, axis=0))
    assert np.ptp(inbetweening.between_by_slerp(clip, same), axis=0).max() < 1e-6


def test_made_poses_are_measured_on_the_actors_bones(random_motion, clips):
    joints = inbetweening.on_skeleton(random_motion(30, 4), clips[0])
    still = forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1)), np.zeros((1, 3)), clips[0].offsets)[1]
    bones = np.linalg.norm(joints[:, 4] - joints[:, 1], axis=-1)
    np.testing.assert_allclose(bones, np.linalg.norm(still[0, 4] - still[0, 1]), rtol=1e-5)
