"""Clips are read as they were packed, and validation people are held out."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip, split_clips, without_replaced
from genmo.train.datasets.read import read_clips


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


def test_clips_are_read_as_packed(clips, motion_set, random_motion):
    assert len(clips) == 6 and {clip.subject for clip in clips} == {"made30/01", "made30/02"}
    motion = random_motion(100, 100)
    clip = next(clip for clip in clips if clip.name == "made30/01_01")
    np.testing.assert_allclose(clip.rotations[:, :22], motion.rotations[:, :22], atol=2e-4)
    np.testing.assert_array_equal(clip.rotations[:, 22:], np.tile(np.eye(3), (100, 2, 1, 1)))
    np.testing.assert_allclose(clip.translation, motion.translation, atol=1e-5)
    assert clip.captions == ("a person walks left on trial 01_01", "walk")
    hands_still = Motion(clip.rotations, clip.translation, offsets=clip.offsets)
    np.testing.assert_allclose(
        hands_still.joints_world()[:, :22],
        forward_kinematics(motion.rotations, motion.translation, motion.rest_offsets)[1][:, :22],
        atol=1e-3,
    )


def test_validation_people_are_held_out(clips):
    train, held_out = split_clips(clips, ["made30/02"])
    assert {clip.subject for clip in train} == {"made30/01"} and {clip.subject for clip in held_out} == {"made30/02"}
    assert isinstance(train[0], Clip)
    with pytest.raises(InputError, match=r"made30/03.*are in no clip"):
        split_clips(clips, ["made30/03"])
    with pytest.raises(InputError, match="no index.json"):
        list(read_clips("nowhere"))


def test_what_an_index_says_of_a_clip_is_heeded(motion_set, tmp_path):
    """Walking on the spot has poses and no path; recordings with few degrees of freedom are known as such."""
    folder = tmp_path / "made30"
    shutil.copytree(motion_set, folder)
    records = json.loads((folder / "index.json").read_text())
    records[0] |= {"in_place": True, "keyframed": True}
    records[1] |= {"low_dof": True, "in_place": False}
    (folder / "index.json").write_text(json.dumps(records))
    clips = {clip.name.split("/")[1]: clip for clip in read_clips(folder)}
    in_place, coarse, *others = (clips.pop(record["id"]) for record in records)
    assert (in_place.truth, in_place.coarse) == ("local", False) and (coarse.truth, coarse.coarse) == ("world", True)
    assert all((clip.truth, clip.coarse) == ("world", False) for clip in others)


def test_a_coarse_recording_makes_way_for_a_finer_one_of_its_name(clips):
    coarse, alone = (replace(clip, coarse=True) for clip in clips[:2])
    finer = replace(clips[0], name="other30/" + clips[0].name.split("/")[1])
    assert without_replaced([coarse, alone, finer]) == [alone, finer]
