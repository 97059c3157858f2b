"""Verb forms, and sentences of every tag in every voice."""

import re

import numpy as np
import pytest

from genmo.train.captions.body_phrases import BODY_PHRASES
from genmo.train.captions.describe import sentence_of
from genmo.train.captions.grammar import Voice, at_once, draw_voice, finite, in_order, inflected
from genmo.train.captions.limb_phrases import LIMB_PHRASES
from genmo.train.captions.phrases import PHRASES, phrases_of, split_tag

GAITS = ("walk", "jog", "run", "crouch_walk")
WAYS = ("forward", "back", "left", "diagonal_left", "diagonal_back_left")
ALONGSIDE = ("hand_", "hands_", "lower", "arm_side", "arm_ahead", "arms_down")
# tags as they come together: all that there are words for, the left ones
TOGETHER = [
    *({kind, f"{kind}_{way}"} for kind in GAITS for way in WAYS),
    *({"walk", "walk_forward", "turn_left", f"turn_left_{angle}"} for angle in (45, 90, 135, 180, 270, 360)),
    *({"turn_left", f"turn_left_{angle}", "turn_in_place_left"} for angle in (45, 90, 180, 360)),
    {"walk", "walk_forward", "veer_left"},
    {"walk", "walk_forward", "around"},
    {"walk", "walk_forward", "turn_left", "turn_left_on"},
    {"turn_left", "turn_left_on", "turn_in_place_left"},
    {"walk", "walk_slow", "walk_forward", "straight"},
    {"walk", "walk_brisk", "walk_back", "arm_up_left"},
    {"run", "run_fast", "run_forward"},
    {"walk", "walk_forward", "speed_up"},
    {"jump", "jump_3", "jump_left"},
    {"jump", "jump_1", "jump_up", "jump_high"},
    {"hop_left", "hop_left_4"},
    {"stand", "still", "wave_left"},
    {"jump", "jump_1", "jump_turn_left_180"},
    {"kick_left", "kick_left_2"},
    {"punch_left", "punch_left_3", "stand"},
    *({key.replace("_S", "_left").replace("_N", "_2")} for key in PHRASES if not key.startswith("turn_in_place")),
]
SWAP = {"counterclockwise": "clockwise", "clockwise": "counterclockwise", "left": "right", "right": "left"}


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("walk", "walks walking walked"),
        ("run", "runs running ran"),
        ("carry", "carries carrying carried"),
        ("stay", "stays staying stayed"),
        ("raise", "raises raising raised"),
        ("go", "goes going went"),
        ("lie", "lies lying lay"),
        ("punch", "punches punching punched"),
        ("stop", "stops stopping stopped"),
        ("be", "is being was"),
    ],
)
def test_verb_forms(verb, forms):
    assert [inflected(verb, form) for form in ("s", "ing", "ed")] == forms.split()


def test_all_verbs_of_a_phrase_take_the_form():
    assert finite("<walk> left and <stop>", "s") == "walks left and stops"
    assert finite("<walk> left and <stop>", "is") == "is walking left and stopping"
    assert finite("<have> the arms up", "is") == "has the arms up"


def test_nouns_stand_without_their_verb():
    voice = Voice("", "noun", "the")
    assert voice.clause("<do> a squat and <rise>") == "a squat and rising"
    assert voice.clause("<throw> three left punches") == "three left punches"
    assert voice.clause("<make> {p} way forward") == "making the way forward"


def test_order_and_simultaneity():
    voice = Voice("a man", "s", "his")
    sentences = {in_order(np.random.default_rng(i), voice, "<walk>", "<raise> {p} arm") for i in range(80)}
    assert "a man walks, then raises his arm" in sentences and "after walking, a man raises his arm" in sentences
    assert all(re.search("walk.*rais", s) for s in sentences) and len(sentences) >= 8
    together = {at_once(np.random.default_rng(i), voice, "<walk>", "<wave>") for i in range(60)}
    assert "a man walks while waving" in together and "while walking, a man waves" in together


@pytest.mark.parametrize("tags", TOGETHER, ids=lambda tags: "+".join(sorted(tags)))
def test_every_tag_has_clean_words_on_its_own_side(tags):
    if all(tag.startswith(ALONGSIDE) for tag in tags):
        tags = tags | {"stand"}  # said of somebody who stands or goes
    tags = tags | {"in_place"}
    said = [sentence_of(tags, np.random.default_rng(i)) for i in range(100)]
    assert all(said)
    assert not [s for s in said if re.search(r"[<>{}_]|  |\bS\b|^ | $", s)]
    # the other side is named only for the leg that a balancing person lifts, and where both sides take part
    if not tags & {"balance_left", "weave", "punch_both"}:
        assert not [s for s in said if re.search(r"\bright\b", s.replace("right-angle", ""))]
    if "punch_both" in tags:
        return
    mirrored = {tag.replace("left", "right") for tag in tags}
    for seed, sentence in enumerate(said):
        back = re.sub(rf"\b({'|'.join(SWAP)})\b", lambda m: SWAP[m.group(0)], sentence.replace("right-angle", "angle"))
        assert sentence_of(mirrored, np.random.default_rng(seed)).replace("right-angle", "angle") == back


def test_there_are_many_ways_to_say_a_thing():
    tags = {"walk", "walk_forward", "walk_slow", "turn_left", "turn_left_90"}
    assert len({sentence_of(tags, np.random.default_rng(i)) for i in range(300)}) > 200
    voices = [draw_voice(np.random.default_rng(i)) for i in range(300)]
    assert {voice.form for voice in voices} == {"s", "is", "ed", "base", "ing", "noun"}


def test_rows_are_found_by_tag():
    assert split_tag("kick_left_2") == ("kick_S_N", "left", 2)
    assert split_tag("jump_turn_right_90") == ("jump_turn_S_90", "right", 0)
    assert not BODY_PHRASES.keys() & LIMB_PHRASES.keys()
    assert "<kick> twice with the left leg" in phrases_of("kick_left_2")
    assert phrases_of("walk_forward") == ()
