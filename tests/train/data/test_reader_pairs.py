"""Windows with their traits, and texts beside them."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.captions.sentences import Sentence
from genmo.train.data import reader_windows
from genmo.train.data.reader_pairs import draw_pairs, draw_sentences, plain_words
from genmo.train.data.reader_windows import Windows, measured_windows
from tests.train.made_motions import arm, jumping, made, seated

CLIPS = [
    made(150, speed=1.2, caption="a person walks to the left"),
    made(150, speed=0.9, towards=180, caption=""),
    made(150, pose=arm("left", 170), caption=""),
    jumping(150, [20, 60, 100]),
    seated(150, np.ones(150)),
]


@pytest.fixture(scope="module")
def windows():
    return measured_windows(CLIPS)


def test_windows_have_the_traits_of_what_they_do(windows):
    at = {name: column for column, name in enumerate(windows.names)}
    does = [
        ("walk_forward", "speed>1"),
        ("walk_back", "back>0.5"),
        ("arm_up_left", "raised_left>1"),
        ("jump", "jumps>1"),
    ]
    for clip, names in enumerate(does):
        mine = windows.traits[windows.clip == clip]
        assert len(mine) and all(mine[:, at[name]].all() for name in names)
    assert not windows.traits[windows.clip == 0][:, at["walk_back"]].any()


def test_what_parts_do_counts(windows):
    up = np.where((np.arange(150) > 40) & (np.arange(150) < 95), 170.0, 0.0)
    raised = measured_windows([made(150, pose=arm("right", up))])
    whole = [row for row, tags in enumerate(raised.tags) if "arm_up_right" not in tags]
    assert raised.traits[whole][:, raised.names.index("arm_up_right")].any()


def test_a_file_holds_them(windows, tmp_path):
    windows.save(tmp_path / "windows.npz")
    again = Windows.load(tmp_path / "windows.npz")
    assert again.names == windows.names and again.tags == windows.tags
    np.testing.assert_array_equal(again.traits, windows.traits)
    np.savez(tmp_path / "other.npz", clip=windows.clip)
    with pytest.raises(InputError, match="wanted windows of clips"):
        Windows.load(tmp_path / "other.npz")


def test_texts_stand_beside_what_they_say(windows):
    pairs = draw_pairs(CLIPS, windows, 300, set(), seed=0)
    at = {name: column for column, name in enumerate(windows.names)}
    said = {
        side: [t for t, text in enumerate(pairs.texts) if f"{side} arm" in text or f"{side} hand" in text]
        for side in ("left", "right")
    }
    for side, texts in said.items():
        assert texts and pairs.traits[texts][:, at[f"raised_{side}>0.5"]].all()
    own = [t for t, text in enumerate(pairs.texts) if text.endswith("to the right")]
    assert own and all(windows.clip[pairs.window[t]] == 0 for t in own if "walks to the right" in pairs.texts[t])


def test_what_is_left_out_is_not_drawn(windows):
    first = draw_pairs(CLIPS, windows, 200, set(), seed=0)
    without = {plain_words(first.texts[0])}
    assert not without & {plain_words(text) for text in draw_pairs(CLIPS, windows, 200, without, seed=0).texts}
    assert first.texts == draw_pairs(CLIPS, windows, 200, set(), seed=0).texts


SENTENCES = (
    Sentence("hails a cab with the left", (frozenset({"arm_up_left"}),)),
    Sentence("hailing", (frozenset({"arm_up_left"}), frozenset({"arm_up_right"}))),
    Sentence("an ambler on the high street", (frozenset({"walk_forward"}),)),
    Sentence("moonwalking on her hands", (frozenset({"walk_forward", "arm_up_left"}),)),
    Sentence("yodels", (frozenset({"yodel"}),)),
)


def test_sentences_stand_beside_windows_that_do_what_they_ask_for(windows):
    pairs = draw_sentences(SENTENCES, windows, 200, {"an ambler on the high street"}, seed=0)
    at = {name: column for column, name in enumerate(windows.names)}
    texts = np.array(pairs.texts)
    # nobody walks with an arm up, and what a yodel is no measure tells
    assert set(texts) == {"hails a cab with the left", "hails a cab with the right", "hailing"}
    for side in ("left", "right"):
        mine = texts == f"hails a cab with the {side}"
        assert pairs.traits[mine][:, at[f"raised_{side}>1"]].all()
        assert (pairs.asks[:, mine].sum(axis=(0, 1)) == 2 * mine.sum() * np.eye(len(at))[at[f"arm_up_{side}"]]).all()
    either = texts == "hailing"
    raised = pairs.traits[either][:, [at["raised_left>1"], at["raised_right>1"]]]
    assert (raised.sum(axis=1) == 1).all() and raised.any(axis=0).all()
    ways = pairs.asks[:, either][:, :, [at["arm_up_left"], at["arm_up_right"]]].sum(axis=1)
    assert ways.tolist() == [[either.sum(), 0], [0, either.sum()]]


def test_pairs_of_both_kinds_are_put_together(windows):
    both = draw_pairs(CLIPS, windows, 30, set(), 0) + draw_sentences(SENTENCES, windows, 20, set(), 0)
    assert len(both.texts) == 50 == len(both.traits) == len(both.window) == both.asks.shape[1]
    assert not both.asks[:, :30].any() and both.asks[:, 30:].any(axis=-1).all()


def test_no_sentence_is_none(windows):
    assert not draw_sentences(SENTENCES[4:], windows, 20, set(), 0).texts


def test_common_windows_are_thinned(monkeypatch):
    monkeypatch.setattr(reader_windows, "RARE", 0)
    some = measured_windows(CLIPS[:2])
    monkeypatch.setattr(reader_windows, "COMMON_SHARE", 1.0)
    assert len(some.tags) < len(measured_windows(CLIPS[:2]).tags)
