"""genmo-eval as a user runs it, on the tiny engine and made motion; and what its parts promise."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime import MotionModel
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation import few_steps, inbetweening, text_motion_evaluator
from genmo.train.evaluation.__main__ import main
from genmo.train.evaluation.report import evaluate, markdown, read_subject, world_report
from genmo.train.evaluation.simulated import estimates, middle, real_row, spread_out, true_joints
from genmo.train.evaluation.text_motion_evaluator import Evaluator, Plan, action_yardstick, save_evaluator, train
from genmo.train.evaluation.torch_model import load_motion_model
from genmo.train.metrics.paper_tables import plain
from genmo.train.metrics.sets import Interval
from genmo.train.tools.simulate_keypoints import film_as


@pytest.fixture(scope="module")
def model(tiny_checkpoint):
    return load_motion_model(tiny_checkpoint)


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


@pytest.fixture(scope="module")
def many_set(tmp_path_factory, write_set):
    """A set of 72 clips of 40 frames with captions of their own: enough for R-precision among 32."""
    return write_set(tmp_path_factory.mktemp("data") / "many30", clips=72, frames=40)


@pytest.fixture(scope="module")
def judge(tmp_path_factory, many_set):
    """Folder of an evaluator of two steps."""
    folder = tmp_path_factory.mktemp("judge") / "ev"
    save_evaluator(folder, train(list(read_clips(many_set)), Plan(steps=2, batch=4)), {})
    return folder


def test_a_camera_of_the_kind_that_is_asked_for(clips):
    for moving in (True, False):
        for seed in range(6):
            cameras, camera = film_as(clips[0], seed, moving)
            drift = np.ptp(camera.position, axis=0).max() + np.ptp(camera.rotation, axis=0).max()
            assert bool(cameras.moving[0]) == moving and (drift > 1e-6) == moving


def test_the_world_of_an_estimate_is_the_cameras(model, clips):
    """The truth in the camera's frame is the truth in the world as that camera sees it; no camera, no world."""
    (one,) = estimates(model, clips[:1], moving=True, clean_feet=False, fit=False)
    camera = film_as(clips[0], 0, True)[1]
    np.testing.assert_allclose(camera.to_camera(one.true_world), one.true_camera, atol=1e-9)
    assert one.world.shape == one.true_world.shape and not np.allclose(one.world, one.camera)
    (blind,) = estimates(model, clips[:1], with_camera=False)
    assert blind.world is None and blind.true_world is None


def test_the_middle_and_some_of_the_clips(clips):
    part = middle(clips[0], 21)
    np.testing.assert_array_equal(part.translation, clips[0].translation[39:60])
    assert middle(clips[0], 1000).frames == clips[0].frames
    assert [c.name for c in spread_out(clips, 2)] == [clips[0].name, clips[-1].name]
    assert spread_out(clips, 0) == clips and spread_out(clips, 99) == clips


def test_real_motion_is_measured_against_itself(clips):
    for one in real_row(clips):
        assert one.world is one.true_world


def test_static_and_moving_cameras_stand_beside_real_motion(model, clips):
    report = world_report(model, clips[:2])
    assert list(report) == ["static camera", "moving camera", "real motion"]
    for kind in ("static camera", "moving camera"):
        row = report[kind]
        assert {"WA-MPJPE100", "W-MPJPE100", "RTE", "Jitter"} <= set(row)
        assert row["WA-MPJPE100"].value <= row["W-MPJPE100"].value
    assert set(report["real motion"]) <= {"Jitter", "Foot sliding"}


def test_a_checkpoint_is_measured_as_its_engine(model, tiny_engine, clips):
    """The same numbers from PyTorch and from ONNX Runtime, estimation and generation."""
    torch_model, model = model, MotionModel.load(tiny_engine)
    for one, other in zip(estimates(model, clips[:1]), estimates(torch_model, clips[:1]), strict=True):
        np.testing.assert_allclose(one.world, other.world, atol=2e-3)
    made = [m.generate("a person walks left", 40, steps=2)[0] for m in (model, torch_model)]
    np.testing.assert_allclose(made[0].joints_world(), made[1].joints_world(), atol=2e-3)


def test_the_report_of_an_engine(motion_set, model):
    subject = read_subject(model, [str(motion_set)], ["made30/02"], 1)
    result = evaluate(subject, 1, 2, None)
    assert result["clips"] == 1 and result["text"] is None
    assert list(result["world"]) == ["static camera", "moving camera", "real motion"]
    said = markdown(result)
    assert "| moving camera |" in said and "RTE (%)" in said
    json.dumps(plain(result))


def test_the_steps_table(many_set, judge, tiny_checkpoint, tmp_path, capsys):
    arguments = ["--checkpoint", str(tiny_checkpoint), "--data", str(many_set), "--subjects", "many30/02"]
    arguments += ["--evaluator", str(judge), "--steps-table", "1", "2", "--rounds", "2"]
    out = [tmp_path / "t.md", tmp_path / "t.json"]
    assert main([*arguments, *[word for path in out for word in ("--out", str(path))]]) == 0
    said = capsys.readouterr().out
    assert out[0].read_text() == said and "| 1 (regression) |" in said and "| real motion |" in said
    table = json.loads(out[1].read_text())["steps_table"]
    assert list(table) == ["1 (regression)", "2", "real motion"]
    for row in (table["1 (regression)"], table["2"]):
        for name in ("W-MPJPE100", "MPJPE", "FID", "R@3", "Diversity", "Root speed, made / real"):
            assert row[name]["low"] <= row[name]["value"] <= row[name]["high"], name
    assert table["1 (regression)"]["MPJPE"] != table["2"]["MPJPE"]


def test_one_step_is_the_regression(model, clips):
    """The first row is the answer to zeros, whatever the seed; more steps start from noise."""
    table = few_steps.report(model, clips[:1], None, [1])["steps_table"]
    (one,) = estimates(model, clips[:1], fit=False, clean_feet=False)
    from genmo.train.metrics.pose import mpjpe

    assert table["1 (regression)"]["MPJPE"].value == pytest.approx(mpjpe(one.camera, one.true_camera).mean())
    assert "FID" not in table["1 (regression)"]


def test_the_speed_of_the_root(clips):
    walk = np.stack([np.zeros(31), np.sin(np.arange(31)), np.arange(31) * 1.2 / 30], axis=1)
    assert few_steps.root_speed(walk) == pytest.approx(1.2)
    short = [replace(c, rotations=c.rotations[:60], translation=c.translation[:60]) for c in clips[:2]]
    assert few_steps.speed_ratio(short, short) == pytest.approx(1)


def test_in_betweening_meets_its_keyframes(motion_set, tiny_checkpoint, capsys):
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


def test_the_yardstick_is_between_actions(judge, many_set):
    """Clips of two actions count for none; the least and the median of the pairs; two actions at least."""
    clips = list(read_clips(many_set))
    evaluator = text_motion_evaluator.load_evaluator(judge)
    actions = {"a": clips[:20], "b": clips[19:40], "c": clips[40:60], "d": clips[60:65]}
    found = action_yardstick(evaluator, actions)
    assert found["actions"] == {"a": 19, "b": 20, "c": 20}
    assert 0 < found["least"] <= found["median"]
    features = {name: evaluator.embed_motions(c) for name, c in (("a", clips[:19]), ("b", clips[20:40]))}
    two = action_yardstick(evaluator, {"a": clips[:19], "b": clips[20:40]})
    assert two["least"] == two["median"] == pytest.approx(text_motion_evaluator.frechet_distance(*features.values()))
    assert action_yardstick(evaluator, {"a": clips[:20], "d": clips[60:65]}) is None


def test_too_few_captions_are_said_not_hidden(model, motion_set, judge):
    """Unless an evaluator was asked for: then it is an error."""
    from genmo.train.evaluation.report import text_markdown

    subject = read_subject(model, [str(motion_set)], ["made30/02"])
    evaluator = text_motion_evaluator.load_evaluator(judge)
    said = evaluate(subject, 1, 1, evaluator, 1, must_judge=False)["text"]
    assert "R-precision wants 31" in text_markdown(said)[1]
    with pytest.raises(InputError, match="R-precision wants 31"):
        evaluate(subject, 1, 1, evaluator, 1)


def test_the_text_part_of_the_report(model, many_set, judge):
    subject = read_subject(model, [str(many_set)], ["many30/02"])
    from genmo.train.evaluation.report import text_markdown, text_report

    found = text_report(model, subject.held_out, subject.every, text_motion_evaluator.load_evaluator(judge), 1, 2)
    assert isinstance(found["made"]["FID"], Interval) and found["captions"] == 36
    said = "\n".join(text_markdown(found))
    assert "FID between real clips of different actions" in said and "| made |" in said


BAD = {
    "no such subject": (["--subjects", "made30/9"], "no clip of the validation subjects"),
    "no evaluator": (["--subjects", "made30/02", "--evaluator", "nowhere"], "wanted a folder that"),
    "zero steps": (["--subjects", "made30/02", "--steps", "0"], "--steps is 0; wanted 1 to 1000"),
    "a table of zero steps": (["--subjects", "made30/02", "--steps-table", "0"], "wanted different numbers"),
    "the same steps twice": (["--subjects", "made30/02", "--steps-table", "2", "2"], "wanted different numbers"),
    "a picture": (["--subjects", "made30/02", "--out", "t.png"], "ends in .md or .json"),
    "no folder": (["--subjects", "made30/02", "--out", "nowhere/t.md"], "no such folder"),
    "no rounds": (["--subjects", "made30/02", "--rounds", "0"], "--rounds is 0"),
    "too few captions": (["--subjects", "made30/02", "--steps-table", "1"], "R-precision wants 31"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_one_line(motion_set, tiny_checkpoint, judge, name, capsys):
    arguments, message = BAD[name]
    judged = [] if "--evaluator" in arguments else ["--evaluator", str(judge)]
    assert main(["--checkpoint", str(tiny_checkpoint), "--data", str(motion_set), *judged, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err


def test_an_evaluator_is_stored_in_half_precision_without_loss(judge, many_set, tmp_path):
    back = text_motion_evaluator.load_evaluator(judge)
    assert save_evaluator(tmp_path / "again", back.model, {}) == back.sha256
    assert (judge / "weights.safetensors").stat().st_size < 4e6
    assert isinstance(back, Evaluator)
