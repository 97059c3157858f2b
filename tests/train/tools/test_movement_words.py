"""Forms of verbs, each word in one family."""

import pytest

from genmo.train.tools.movement_words import IRREGULAR, SYNONYMS, VERBS, families, inflected

FORMS = {
    "walk": ("walk", "walks", "walked", "walking"),
    "jog+": ("jog", "jogs", "jogged", "jogging"),
    "run": ("run", "runs", "ran", "running"),
    "dance": ("dance", "dances", "danced", "dancing"),
    "punch": ("punch", "punches", "punched", "punching"),
    "curtsy": ("curtsy", "curtsies", "curtsied", "curtsying"),
    "sway": ("sway", "sways", "swayed", "swaying"),
    "tiptoe": ("tiptoe", "tiptoes", "tiptoed", "tiptoeing"),
    "lie": ("lie", "lies", "lay", "lying"),
}


@pytest.mark.parametrize("verb", FORMS)
def test_forms(verb):
    assert inflected(verb) == FORMS[verb]


def test_every_word_is_in_one_family():
    words = [word for family in families() for word in family]
    assert len(words) == len(set(words)) > 1000
    first = {family[0] for family in families()}
    assert {word for group in SYNONYMS for word in group} <= first
    assert set(IRREGULAR) <= {verb.rstrip("+") for verb in VERBS}
