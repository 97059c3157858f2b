"""Windows drawn by what they do, joined clips and captions, on clips that are made to do one thing each."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.train.captions.sentences import written_sentences
from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.caption_draws import CaptionDraws, Drawn, is_loose
from genmo.train.data.window_index import index_windows
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.captions import CaptionConfig
from tests.train.made_motions import arm, eased, jumping, made, seated

PLAIN = AugmentationConfig(mirror=0, speed=0, shape=0, mix=0, perturb=0, tilt=0, no_text=0)


@pytest.fixture(scope="module")
def clips():
    walks = [replace(made(240, speed=1.2, caption="a person walks"), name=f"made/walk{i}") for i in range(6)]
    once = [
        made(60, pose=arm("right", 170 * eased(60, 20, 40)), caption="a person greets"),
        seated(60, eased(60, 15, 40)),
        jumping(60, [20]),
        made(120, caption="a person waits"),
    ]
    return [*walks, *(replace(clip, name=f"made/once{i}") for i, clip in enumerate(once))]


def draws_of(clips, lengths=(60,), **config):
    return CaptionDraws(clips, CaptionConfig(**config), lengths, [True] * len(clips))


def tags(rotations, translation, offsets):
    return tags_of(measure(motion_signals(forward_kinematics(rotations, translation, offsets)[1])))


def test_the_index_says_what_windows_do(clips):
    index = index_windows(clips, [60], [True] * len(clips))[60]
    assert {clips[index.clip[window]].name for window in index.by_tag["raise_right"]} == {"made/once0"}
    for tag, windows in index.by_tag.items():
        for window in windows[:3]:
            clip, cut = clips[index.clip[window]], slice(index.start[window], index.start[window] + 60)
            assert tag in tags(clip.rotations[cut], clip.translation[cut], clip.offsets)


def test_clips_whose_path_is_not_theirs_are_not_indexed(clips):
    usable = [clip.name != "made/once0" for clip in clips]
    assert "raise_right" not in index_windows(clips, [60], usable)[60].by_tag
    sampler = BatchSampler(
        [replace(c, truth="local") for c in clips[:2]] + clips[2:], PLAIN, 0, captions=CaptionConfig(), lengths=[60]
    )
    assert min(sampler.captions.indices[60].clip) == 2


def test_rare_things_are_drawn_more_often_than_they_are_there(clips):
    draws, random = draws_of(clips, joined=0.0, balanced=1.0), np.random.default_rng(0)
    drawn = [draws.draw(60, random) for _ in range(400)]
    names = Counter(clips[d.clip].name for d in drawn)
    # three of 86 windows
    assert names["made/once0"] + names["made/once1"] + names["made/once2"] > 0.2 * len(drawn)
    # and each side of it as often
    raised = [d.mirrored for d in drawn if clips[d.clip].name == "made/once0"]
    assert len(raised) > 20 and 0.3 < np.mean(raised) < 0.7


def test_a_share_of_the_windows_has_written_sentences(clips):
    written = {text for one in written_sentences() for text in (one.text, one.mirrored().text)}
    walk, random = clips[0], np.random.default_rng(0)
    window = walk.rotations[:60], walk.translation[:60], walk.offsets
    shares = []
    for share in (0.0, 0.4):
        draws = draws_of(clips, joined=0.0, balanced=0.0, measured=0.0, beside=0.0, written=share)
        said = [draws.caption("a person walks", window, None, random) for _ in range(300)]
        shares.append(np.mean([one.whole and one.text in written for one in said]))
    assert shares[0] == 0 and 0.3 < shares[1] < 0.5


def test_slow_walks_are_played_backward_as_walks_backward(clips):
    slow = replace(made(240, speed=0.8, caption="a person walks"), name="made/slow")
    back = replace(made(60, speed=0.8, towards=180, caption="a person walks"), name="made/back")
    sampler = BatchSampler([slow, back, made(90, speed=1.8)], PLAIN, 0, captions=CaptionConfig(), lengths=[60])
    random = np.random.default_rng(0)
    drawn = [sampler.captions.draw(60, random) for _ in range(600)]
    played = [d for d in drawn if d is not None and d.backward]
    assert len(played) > 8 and {d.clip for d in played} == {0}
    for number, pick in enumerate(played[:10]):
        window = sampler._window(0, 60, np.random.default_rng(number), True, pick)
        text = f"{window.caption.text} {window.caption.then}"
        assert any(word in text for word in ("back", "reverse"))
        assert window.translation[-1, 2] < window.translation[0, 2]


def test_captions_of_balanced_windows_say_the_side_that_is_seen(clips):
    draws = draws_of(clips)
    random = np.random.default_rng(1)
    for mirrored, side, other in ((False, "right", "left"), (True, "left", "right")):
        window = draws._stretch(6, 0, 60, mirrored)
        said = [draws.caption("", window, Drawn(6, 0, mirrored), random) for _ in range(30)]
        words = [f"{caption.text} {caption.then}".split() for caption in said]
        assert all(side in text for text in words if "arm" in text or "hand" in text)
        assert not any(other in text for text in words) and sum(side in text for text in words) > 20


def test_joined_clips_are_smooth_and_their_sentence_tells_both(clips):
    draws = draws_of(clips, lengths=(120,), joined=1.0, balanced=0.0)
    random = np.random.default_rng(0)
    pairs = [pair for _ in range(60) if (pair := draws.draw(120, random)) is not None]
    assert len(pairs) > 20 and all(pair.second is not None for pair in pairs)
    told = 0
    for pair in pairs:
        rotations, translation, offsets = draws.motion(pair, 120)
        assert translation.shape == (120, 3) and rotations.shape == (120, 24, 3, 3)
        joints = forward_kinematics(rotations, translation, offsets)[1]
        steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=-1)
        assert steps[56:72].max() < max(steps[:50].max(), steps[74:].max()) + 0.03  # metres a frame
        caption = draws.caption("a person walks", (rotations, translation, offsets), pair, random)
        assert caption.whole or not caption.text
        told += bool(caption.then) or any(
            word in caption.text for word in ("then", "before", "after", "followed", " and ")
        )
    assert told > 0.4 * len(pairs)


def test_a_clip_that_does_not_fit_is_not_joined(clips):
    lying = seated(60, 1.0)
    lying.translation[:, 1] += 3
    draws = draws_of([*clips[:1], replace(lying, name="made/high")], lengths=(120,), joined=1.0, balanced=0.0)
    random = np.random.default_rng(0)
    pairs = [draws.draw(120, random) for _ in range(40)]
    assert {pair.second[0] == pair.clip for pair in pairs if pair is not None} == {True}


def test_shares_of_the_kinds_of_captions(clips):
    walk = clips[0]
    window = walk.rotations[:60], walk.translation[:60], walk.offsets
    draws, random = draws_of(clips, measured=0.5, beside=0.2), np.random.default_rng(0)
    texts = [draws.caption("a person is out and about", window, None, random) for _ in range(200)]
    own = np.mean([caption.text == "a person is out and about" for caption in texts])
    beside = np.mean([caption.text.startswith("a person is out and about") for caption in texts]) - own
    assert own == pytest.approx(0.3, abs=0.1) and beside == pytest.approx(0.2, abs=0.09)
    assert all(caption.whole != (caption.text == "a person is out and about") for caption in texts)


def test_long_clips_that_list_actions_are_loose():
    assert is_loose(made(1000, caption="a person walks, stops and turns"))
    assert not is_loose(made(1000, caption="a person dances salsa"))
    assert not is_loose(made(300, caption="a person walks"))


def test_a_step_gives_the_same_batch_again(clips):
    batches = []
    for _ in range(2):
        sampler = BatchSampler(clips, AugmentationConfig(), 3, captions=CaptionConfig(), lengths=[60])
        sampler.draw(1, 2, 4, 60)
        batches.append(sampler.draw(7, 2, 4, 60))
    assert batches[0].prompts == batches[1].prompts
    assert (batches[0].features == batches[1].features).all()
