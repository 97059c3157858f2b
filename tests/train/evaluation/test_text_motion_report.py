"""The text-to-motion table, and the yardstick of FID."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.text_motion_evaluator import Evaluator, load_evaluator
from genmo.train.evaluation.text_motion_report import action_yardstick, text_motion_report
from genmo.train.metrics.sets import Interval, frechet_distance


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


def test_the_yardstick_is_between_actions(judge, many_set):
    """Clips of two actions count for none; the least and the median of the pairs; two actions at least."""
    clips = list(read_clips(many_set))
    evaluator = load_evaluator(judge)
    actions = {"a": clips[:20], "b": clips[19:40], "c": clips[40:60], "d": clips[60:65]}
    found = action_yardstick(evaluator, actions)
    assert found["actions"] == {"a": 19, "b": 20, "c": 20}
    assert 0 < found["least"] <= found["median"]
    features = {name: evaluator.embed_motions(c) for name, c in (("a", clips[:19]), ("b", clips[20:40]))}
    two = action_yardstick(evaluator, {"a": clips[:19], "b": clips[20:40]})
    assert two["least"] == two["median"] == pytest.approx(frechet_distance(*features.values()))
    assert action_yardstick(evaluator, {"a": clips[:20], "d": clips[60:65]}) is None


def test_captions_of_training_and_new_ones_stand_apart(trained):
    """The groups share the pools of all motions; copies of the nearest words stand beside."""
    model, held_out = trained
    evaluator = Evaluator(model, "abc")
    known = [clip for clip in held_out if clip.captions[0] == held_out[0].captions[0]]
    training = [replace(clip, name=f"t{number}") for number, clip in enumerate(held_out[:2])]
    copies = [
        Motion(clip.rotations.astype(np.float64), clip.translation.astype(np.float64), offsets=clip.offsets)
        for clip in held_out
    ]
    report = text_motion_report(evaluator, held_out, [copies], training=training, pool=5)
    assert report["apart"] == {"captions of training": len(known), "new captions": len(held_out) - len(known)}
    shares = [report["made"][f"R@3, {name}"] * count for name, count in report["apart"].items()]
    assert sum(shares) / len(held_out) == pytest.approx(report["made"]["R@3"])
    assert report["nearest words"]["R@3"] <= report["made"]["R@3"]
    assert report["made"]["FID, new captions"] == pytest.approx(0, abs=1e-6)
    assert text_motion_report(evaluator, held_out, [copies], pool=5)["apart"] == {}
