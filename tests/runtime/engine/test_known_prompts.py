"""Words that an engine was not trained on are named, with prompts that it knows; synonyms of known words are known."""

import json

import pytest

from genmo.runtime.engine.known_prompts import (
    KnownPrompts,
    nearest_prompts,
    prompt_notes,
    read_known_prompts,
    telling_words,
    unknown_words,
)
from genmo.runtime.support.errors import InputError

PROMPTS = (
    "a person walks forward", "a person jumps twice", "a person kicks with the left leg", "someone raises one arm",
    "a man runs in a circle", "a person sits down on a chair", "a person turns 90 degrees to the left",
)  # fmt: skip
KNOWN = KnownPrompts(PROMPTS, frozenset(" ".join(PROMPTS).split()))


@pytest.mark.parametrize(
    "prompt",
    [
        "a person strolls forward",
        "somebody sprints, then leaps!",
        "please turn left three times",
        "The woman is strolling.",
        "kick 360",
    ],
)
def test_synonyms_of_known_words_are_known(wordpieces, prompt):
    assert unknown_words(prompt, KNOWN, wordpieces) == [] and prompt_notes(prompt, KNOWN, wordpieces) == []


@pytest.mark.parametrize(
    ("prompt", "missing"),
    [
        ("a person walks and plays the violin", ["plays", "violin"]),
        ("nadie camina hacia atrás", ["nadie", "camina", "hacia", "atras"]),
        ("ein Mann geht rückwärts", ["ein", "mann", "geht", "ruckwarts"]),
        ("blorp zindle", ["blorp", "zindle"]),
        ("a person defibrillates somebody", ["defibrillates"]),
    ],
)
def test_other_words_are_named(wordpieces, prompt, missing):
    assert unknown_words(prompt, KNOWN, wordpieces) == missing
    (note,) = prompt_notes(prompt, KNOWN, wordpieces)
    assert "\n" not in note and repr(missing[0]) in note and repr(prompt) in note


def test_notes_name_the_nearest_prompts(wordpieces):
    (note,) = prompt_notes("a person kicks a giraffe", KNOWN, wordpieces)
    assert note.startswith("text 'a person kicks a giraffe' has words that this engine was not trained on ('giraffe')")
    assert note.index("nearest to the rest") < note.index("kicks with the left leg") < note.index(", ", -80)
    (note,) = prompt_notes("nadie camina hacia atrás mañana", KNOWN, wordpieces)
    assert "is of words that this engine, which reads English, was not trained on" in note
    assert "'nadie', 'camina', 'hacia' and 2 more" in note and f"it knows: {PROMPTS[0]!r}" in note
    for prompt in ("1234567", "a person"):
        (note,) = prompt_notes(prompt, KNOWN, wordpieces)
        assert "names no action in English words; it knows: " in note


def test_without_prompts_no_examples(wordpieces):
    (note,) = prompt_notes("blorp", KnownPrompts((), frozenset()), wordpieces)
    assert note.endswith("('blorp')")


def test_nearest_prompts(wordpieces):
    assert nearest_prompts("he is leaping two times", KNOWN, wordpieces)[0] == "a person jumps twice"
    assert nearest_prompts("sprint around", KNOWN, wordpieces, 1) == ["a man runs in a circle"]


def test_telling_words():
    assert telling_words("The man, he JUMPS over 3 boxes and over a box") == ["jumps", "boxes", "box"]


def test_files_round_trip(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(KNOWN.to_json()))
    assert read_known_prompts(path) == KNOWN


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {},
        {"prompts": []},
        {"prompts": [1], "words": []},
        {"prompts": ["a\nb"], "words": []},
        {"prompts": "ab", "words": []},
    ],
)
def test_other_files_are_refused(tmp_path, stored):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(stored))
    with pytest.raises(InputError, match="wanted lists of prompts and of words"):
        read_known_prompts(path)
