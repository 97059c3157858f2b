"""The written sentences: their tags, their mirror image, and that no prompt of the report is among them."""

import re

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.captions.sentences import sentence_for, written_sentences
from genmo.train.data.reader_pairs import plain_words
from genmo.train.evaluation.obey_prompts import LEFT_OUT

TAG = re.compile(
    r"(crouch_)?(walk|jog|run)(_(forward|back|(diagonal_(back_)?)?(left|right)|slow|brisk|fast))?|straight|weave|speed_up"
    r"|slow_down|(start|stop)_(walk|jog|run)|pause|step_(forward|back|left|right)|around|run_leap"
    r"|turn(_in_place)?_(left|right)(_(45|90|135|180|270|360|on))?|(circle|veer|balance|leg_up|hop)_(left|right)"
    r"|stand|still|in_place|(sit|squat|kneel|bend)(_(up|down|round))?|lie(_down)?|get_up|crouch|fours|crawl|sit_floor"
    r"|down_to_ground|bent|jump(_([1-5]|up|high|forward|back|left|right|turn_(left|right)_(90|180)))?|hop_(left|right)_[1-6]"
    r"|(kick|punch)_(left|right|both)(_[234])?"
    r"|(raise|lower|arm_up|arm_side|arm_ahead|wave|hand_head|hand_hip)_(left|right|both)|clap|hands_together|arms_down"
)


def test_tags_are_tags():
    unknown = {tag for one in written_sentences() for way in one.asks for tag in way if not TAG.fullmatch(tag)}
    assert not unknown


def test_prompts_that_are_left_out_are_not_among_them():
    left_out = {plain_words(prompt.text) for prompt in LEFT_OUT}
    texts = [plain_words(one.text) for one in written_sentences()]
    assert len(texts) == len(set(texts)) > 10_000 and not left_out & set(texts)


def test_ways_and_mirror(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("kick_left/kick_right stand | a kick\n\nwalk_left | goes to the Left, facing ahead\n")
    either, left = written_sentences(path)
    assert either.asks == ({"kick_left", "stand"}, {"kick_right", "stand"}) and not either.has_side
    assert left.mirrored().text == "goes to the right, facing ahead" and left.mirrored().asks == ({"walk_right"},)


def test_a_motion_gets_a_sentence_that_asks_for_what_it_does():
    random, asked = np.random.default_rng(0), {}
    for one in written_sentences():
        for said in (one, one.mirrored()):
            asked.setdefault(said.text, []).extend(said.asks)
    tags = {"walk_forward", "walk_slow", "straight", "wave_right"}
    found = [sentence_for(tags, random) for _ in range(200)]
    assert all(any(way <= tags for way in asked[text]) for text in found) and len(set(found)) > 50
    assert any(any("wave_right" in way for way in asked[text]) for text in found), "the rare as often as the common"
    assert sentence_for({"no_such_tag"}, random) == ""


@pytest.mark.parametrize("line", ["kick_left a kick", "| a kick", "kick_left |", "a/b c/d/e | a kick"])
def test_other_lines_are_refused(tmp_path, line):
    path = tmp_path / "bad.txt"
    path.write_text(f"stand | stands\n{line}\n")
    with pytest.raises(InputError, match="line 2: .* wanted tags | sentence"):
        written_sentences(path)
