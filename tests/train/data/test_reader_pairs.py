"""Windows with their traits, and texts beside them."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.data import reader_windows
from genmo.train.data.reader_pairs import draw_pairs, plain_words
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


def test_common_windows_are_thinned(monkeypatch):
    monkeypatch.setattr(reader_windows, "RARE", 0)
    some = measured_windows(CLIPS[:2])
    monkeypatch.setattr(reader_windows, "COMMON_SHARE", 1.0)
    assert len(some.tags) < len(measured_windows(CLIPS[:2]).tags)
