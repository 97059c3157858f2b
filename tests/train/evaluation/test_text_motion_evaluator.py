"""The evaluator: what it sees does not hang on place, size or neighbours; it learns; its file is whole or refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation import text_motion_evaluator
from genmo.train.evaluation.text_motion_evaluator import (
    Evaluator,
    Plan,
    TextMotion,
    contrastive_loss,
    features_of,
    load_evaluator,
    motion_features,
    same_wording,
    save_evaluator,
    text_motion_report,
    train,
)
from genmo.train.metrics.sets import Interval


def clip_of(motion, name="x", captions=("a person walks",)):
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    return Clip(name, "s", captions, *(part.astype(np.float32) for part in parts))


def test_features_do_not_know_where_the_person_is_or_looks(random_motion):
    motion = random_motion(40, 0)
    moved = motion.moved(matrix_from_yaw(np.array(2.0)), np.array([5.0, 0.0, -3.0]))
    np.testing.assert_allclose(features_of(moved), features_of(motion), atol=1e-4)


def test_features_do_not_know_how_large_the_person_is(random_motion):
    """The same movement by a person 1.3 times as large, who also walks 1.3 times as far."""
    motion = replace(random_motion(40, 0), offsets=shape_space().mean)
    large = replace(motion, offsets=1.3 * motion.offsets, translation=1.3 * motion.translation)
    np.testing.assert_allclose(features_of(large), features_of(motion), atol=1e-4)


def test_features_of_a_walk_on_a_circle():
    """Radius 2 m at 1 rad/s facing along the path: 2 m/s forward, 1 rad/s turning, whatever the frame."""
    time = np.arange(31) / 30
    rotations = np.tile(np.eye(3), (31, 24, 1, 1))
    rotations[:, 0] = matrix_from_yaw(time)
    path = 2 * np.stack([1 - np.cos(time), 0.5 + 0 * time, np.sin(time)], axis=-1)
    features = motion_features(rotations, path, shape_space().mean)
    np.testing.assert_allclose(features[:, -1], 1.0, atol=1e-4)
    pelvis_speed = features[:, 72:75]
    np.testing.assert_allclose(pelvis_speed, np.tile([0, 0, 2.0], (31, 1)), atol=0.04)
    np.testing.assert_allclose(features[:, :3], np.tile([0, 1.0, 0], (31, 1)), atol=1e-5)
    assert motion_features(rotations[:1], path[:1], shape_space().mean).shape == (1, 145)


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 119, 120])
def test_an_embedding_does_not_hang_on_its_neighbours(random_motion, frames):
    """Padding to a longer neighbour's length changes nothing."""
    torch.manual_seed(0)
    model = TextMotion().eval()
    short, long = features_of(random_motion(frames, 1)), features_of(random_motion(120, 2))
    with torch.no_grad():
        alone, beside = model.encode_motions([short]), model.encode_motions([short, long])
        texts = model.encode_texts(["a person walks", "a person walks slowly and then turns around"])
        one = model.encode_texts(["a person walks"])
    torch.testing.assert_close(beside[:1], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(texts[:1], one, atol=1e-5, rtol=0)
    torch.testing.assert_close(beside.norm(dim=1), torch.ones(2))


def test_long_motions_are_seen_in_the_middle(random_motion):
    motion = random_motion(300, 3)
    middle = Motion(motion.rotations[90:210], motion.translation[90:210], motion.betas)
    np.testing.assert_allclose(features_of(motion), features_of(middle), atol=1e-6)


def test_the_loss_is_the_sum_it_should_be():
    """By hand, with one pair left out because it says the same."""
    rng = np.random.default_rng(0)
    texts, motions = (torch.nn.functional.normalize(torch.tensor(rng.normal(size=(3, 4))), dim=1) for _ in range(2))
    same = torch.eye(3, dtype=torch.bool)
    same[0, 2] = True
    logits = (torch.tensor(1.0).exp() * texts @ motions.T).numpy()
    total = 0.0
    for i in range(3):
        row = [np.exp(logits[i, j]) for j in range(3) if (i, j) != (0, 2)]
        column = [np.exp(logits[j, i]) for j in range(3) if (j, i) != (0, 2)]
        total -= np.log(np.exp(logits[i, i]) / sum(row)) + np.log(np.exp(logits[i, i]) / sum(column))
    loss = contrastive_loss(texts, motions, same, torch.tensor(1.0, dtype=torch.float64))
    assert loss.item() == pytest.approx(total / 6)


def test_same_wording_ignores_case_and_punctuation(random_motion):
    motion = random_motion(30, 0)
    clips = [
        clip_of(motion, captions=("A person walks.", "walk")),
        clip_of(motion, captions=("a person runs",)),
        clip_of(motion, captions=("a person walks", "stroll")),
    ]
    same = same_wording(["a person, walks", "a person runs", "stroll"], clips)
    np.testing.assert_array_equal(same, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])


ACTIONS = {"a person waves fast": 9.0, "somebody sways slowly": 1.0, "a dancer twists": 4.0, "he nods along": 2.0}


def action_clips(count=8):
    """Four actions that differ in which joint swings, each clip with its own phase and size."""
    rng, clips = np.random.default_rng(0), []
    for joint, (caption, speed) in zip((16, 3, 9, 15), ACTIONS.items(), strict=True):
        for number in range(count):
            time = np.arange(70) / 30
            turn = np.zeros((70, 24, 3))
            turn[:, joint, 2] = rng.uniform(0.5, 1.0) * np.sin(speed * time + rng.uniform(0, 6))
            motion = Motion(matrix_from_axis_angle(turn), np.tile([0, 0.95, 0], (70, 1)))
            clips.append(clip_of(motion, f"{joint}_{number}", (caption,)))
    return clips


@pytest.fixture(scope="module")
def trained():
    """Trained on all but two clips an action."""
    clips = action_clips()
    kept = [clip for clip in clips if not clip.name.endswith(("_6", "_7"))]
    return train(kept, Plan(steps=36, batch=12, learning_rate=2e-3)), [c for c in clips if c not in kept]


def test_training_tells_actions_apart(trained):
    """Held-out clips: each motion's own caption is the nearest of the four."""
    model, held_out = trained
    evaluator = Evaluator(model, "")
    motions, texts = evaluator.embed_motions(held_out), evaluator.embed_texts(list(ACTIONS))
    nearest = np.linalg.norm(motions[:, None] - texts[None], axis=-1).argmin(axis=1)
    wanted = [list(ACTIONS).index(clip.captions[0]) for clip in held_out]
    assert np.mean(nearest == wanted) >= 7 / 8


def test_training_is_repeatable():
    clips = action_clips(2)
    first, second = (train(clips, Plan(steps=2, batch=4, seed=3)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(InputError, match="1 clips with captions"):
        train(clips[:1], Plan(steps=1))


def test_an_evaluator_is_one_fixed_file(tmp_path, trained, random_motion):
    model, _ = trained
    digest = save_evaluator(tmp_path / "ev", model, {"data": ["made"]})
    back = load_evaluator(tmp_path / "ev")
    assert back.sha256 == digest and back.description["data"] == ["made"]
    clips = [clip_of(random_motion(n, n)) for n in (30, 60)]
    np.testing.assert_array_equal(back.embed_motions(clips), Evaluator(model, "").embed_motions(clips))
    data = bytearray((tmp_path / "ev" / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "ev" / "weights.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="the weights are not those of evaluator.json"):
        load_evaluator(tmp_path / "ev")
    (tmp_path / "ev" / "evaluator.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(InputError, match="'sha256'; wanted a folder"):
        load_evaluator(tmp_path / "ev")
    with pytest.raises(InputError, match="wanted a folder that"):
        load_evaluator(tmp_path / "nowhere")


def test_the_report_puts_made_beside_real(trained):
    """Real motions made again are as good as real; motions of shuffled captions are not."""
    model, held_out = trained
    evaluator = Evaluator(model, "abc")

    def as_motion(clip):
        parts = (clip.rotations, clip.translation)
        return Motion(*(part.astype(np.float64) for part in parts), offsets=clip.offsets.astype(np.float64))

    copies = [as_motion(clip) for clip in held_out]
    report = text_motion_report(evaluator, held_out, [copies], pool=5)
    assert (report["evaluator"], report["captions"], report["rounds"]) == ("abc", 8, 1)
    for name in ("R@1", "R@2", "R@3", "MM-Dist", "Diversity"):
        assert report["made"][name] == pytest.approx(report["real"][name], abs=1e-6)
    assert report["made"]["FID"] == pytest.approx(0, abs=1e-6) and report["real"]["FID"] > 0
    mixed = text_motion_report(evaluator, held_out, [copies[2:] + copies[:2], copies[4:] + copies[:4]], pool=5)
    assert mixed["made"]["R@1"].value < 0.5 < report["real"]["R@1"]
    assert isinstance(mixed["made"]["MM-Dist"], Interval)
    assert mixed["made"]["MM-Dist"].value > report["real"]["MM-Dist"] + 0.1
    assert mixed["made"]["MultiModality"] > 0
    with pytest.raises(InputError, match="7 generated motions for 8 captions"):
        text_motion_report(evaluator, held_out, [copies[1:]], pool=5)


def test_the_command_trains_and_says_what_it_did(tmp_path, capsys, motion_set):
    out = tmp_path / "ev"
    code = text_motion_evaluator.main(
        ["--data", str(motion_set), "--out", str(out), "--steps", "2", "--batch", "4", "--leave-out", "made30/02"]
    )
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said["data"] == ["made30"] and said["clips"] == 3 and said["validation"] is None
    assert load_evaluator(out).sha256 == said["sha256"]
    for arguments, message in (
        (["--data", str(tmp_path), "--out", str(out)], "no index.json"),
        (["--data", str(motion_set), "--out", str(out), "--steps", "0"], "wanted at least 1 step"),
        (["--data", str(motion_set), "--out", str(out), "--leave-out", "x/9"], "are in no clip"),
    ):
        assert text_motion_evaluator.main(arguments) == 2
        wrong = capsys.readouterr().err
        assert wrong.count("\n") == 1 and message in wrong


def test_the_evaluator_that_ships(random_motion):
    """Whole, small, never trained on the people that are validated on, better than chance on them, with its losses."""
    evaluator = load_evaluator(text_motion_evaluator.SHIPPED)
    assert (text_motion_evaluator.SHIPPED / "weights.safetensors").stat().st_size < 4e6
    assert evaluator.description["left_out"] == ["cmu30/07", "cmu30/13", "cmu30/35", "cmu30/49", "cmu30/94"]
    assert evaluator.description["validation"]["R@3"] > 3 * 3 / 32
    lines = (text_motion_evaluator.SHIPPED / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert records[-1]["step"] == evaluator.description["steps"] and records[-1]["loss"] < records[0]["loss"]
    assert evaluator.embed_motions([random_motion(40, 0)]).shape == (1, 128)
