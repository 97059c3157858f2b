"""Texts in libgenmo against the runtime's: noise, tokens, actions in order."""

import random
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_arms import body_and_arms
from genmo.runtime.conditions.text_sequence import in_order
from genmo.runtime.conditions.text_turns import said_turn, usual_turn
from genmo.runtime.engine.bundle import SHIPPED, load_engine
from genmo.runtime.support import native
from tests.kernels.native_abi import Model, actions, noise, turn

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

ROOT = Path(__file__).resolve().parents[2]
LETTERS = ROOT / "kernels" / "native" / "src" / "text" / "letters.inc"

PROMPTS = (
    "a person walks, then sits down", "A man walks forward; then he turns left. Finally, he sits for 3 seconds",
    "sits down after walking", "a woman is dancing before jumping twice", "someone now and then waves",
    "he runs and then backwards", "they walk, afterwards they clap ten times, lastly they bow",
    "after that a person jumps",
    "walks for about 2.5 s then quickly left", "a robot walks next to a wall, next it kicks",
    "first kneel. then lie down",
    "the tall old man in a hat limps by then on, after which is falling", "crawling, then crawling then crawling",
    "He jumps one after the other, then SITS", "a person does nothing before anything, then spins thrice",
    "To begin with the dancer waltzes for 1000 seconds before bowing", "then, then, then", "even then he walks",
    "a person throws something\nthen catches 3 balls subsequently skipping", "walk 99 steps then 2 hops",
    "a person’s arm rises, then “falls”", "éric marche, puis then he saute",
    "a person, then he, then she, then they spin",
)  # fmt: skip
CHANGES = (
    "a person starts walking", "she is slowly beginning to run in a circle", "he jogs and stops",
    "the man stands, dashes, halts",
    "a person goes from a walk into a sprint", "people go from a standstill to a jog", "walking becomes running",
    "a man waits, then sets off along the path", "she sets off running fast", "he bursts into a gallop and waves",
    "a person walks and pulls up short", "they come to a sudden stop", "a woman stops jogging after a while",
    "he sits down", "a man lowers himself onto the chair", "she gets up from the bench and leaves", "rises off a Stool",
    "a person walks, stops, and turns and waves", "from trotting to a dead stop", "two men start to march",
    "a guy moves off, stands still",
)  # fmt: skip
AT_ONCE = (
    "a person walks while waving", "a man runs with both arms up", "she claps while she slowly walks",
    "he walks, pointing ahead",
    "a person jumps with his hands and knees up", "walking while carrying a box", "Waving, a woman strolls",
    "a person raises the left arm as he turns, then walks with his arms folded", "a child skips, arms outstretched",
    "the robot is marching whilst it is Saluting", "a person kicks while holding a cup",
    "a man sits, hands raised, turning",
)  # fmt: skip
WORDS = (
    "a the person man he she they walks runs sits jumps jumping walking turns left right slowly twice 3 times for 2 s "
    "seconds then Then after that before finally next to now and again , . ; and but by since is are it "
    "starts begins walking stops halts stands up chair from into a run sets off while "
    "waving with both arms raised hands clapping"
).split()


def prompts(count):
    drawn = random.Random(5)
    return [
        *PROMPTS,
        *CHANGES,
        *AT_ONCE,
        *(" ".join(drawn.choices(WORDS, k=drawn.randint(2, 16))) for _ in range(count)),
    ]


@pytest.mark.parametrize(("seed", "sample"), [(0, 0), (7, 3), (2**32 - 1, 1), (2**32, 2), (2**64 - 1, 2**32 - 1)])
def test_noise_is_numpys_bit_for_bit(seed, sample):
    expected = np.random.default_rng((seed, sample)).standard_normal(300_000, np.float32)
    np.testing.assert_array_equal(noise(seed, sample, 300_000).view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize(("start", "end", "frames"), [(0, 0, 300), (30, 200, 240), (10, 900, 100)])
def test_actions_are_those_of_the_runtime(start, end, frames):
    for prompt in prompts(400):
        ours = actions(prompt, start, end, frames)
        parts = in_order(Text(prompt, start, end or None), frames)
        both = [body_and_arms(text.prompt) or (text.prompt, "") for text in parts]
        spans = [(text.start, min(text.end or frames, frames)) for text in parts]
        assert ours == [(body, *span, arms) for (body, arms), span in zip(both, spans, strict=True)], prompt


TURN_WORDS = (
    "turns turning rotates pivots spins u-turn about-face about face half quarter full whole turn circle a of 90 45 "
    "360.5 1000 ninety forty-five three hundred and sixty - -degree degree degrees deg ° ~ left right leftwards "
    "clockwise counterclockwise counter-clockwise anti-clockwise around about . , to the other opposite way "
    "direction back once on head arm feet veers curves bears bearing slightly gently takes a sharp left making "
    "hangs an foot circles again"
).split(" ")


def test_turns_are_those_of_the_runtime():
    drawn = random.Random(3)
    random_ones = [drawn.choice(["", " "]).join(drawn.choices(TURN_WORDS, k=drawn.randint(2, 7))) for _ in range(3000)]
    spaced = [" ".join(drawn.choices(TURN_WORDS, k=drawn.randint(2, 8))) for _ in range(3000)]
    found = {True: 0, False: 0}
    for prompt in (*PROMPTS, *random_ones, *spaced):
        body = body_and_arms(prompt)[0] if body_and_arms(prompt) else prompt
        expected = said_turn(body) or usual_turn(body)
        assert turn(prompt) == ((expected.angle, expected.side, expected.most or 0) if expected else (0, 0, 0)), prompt
        if expected:
            found[expected.most is None] += 1
    assert min(found.values()) > 100, found


def test_tokens_are_those_of_the_runtime():
    engine = load_engine()
    encoder, sizes = engine.text_encoder, (engine.config.text_tokens, engine.config.text_width)
    strange = [
        "Élan vital naïve ﬁ K İ",
        "90° turn",
        "x" * 150 + " walks",
        "antidisestablishmentarianism 12345678",
        "a" * 101,
    ]
    with Model(SHIPPED) as model:
        for prompt in (*prompts(60), *strange):
            vectors, mask = model.read(prompt, *sizes)
            expected, present = encoder.encode(prompt)
            np.testing.assert_array_equal(mask, present, err_msg=prompt)
            np.testing.assert_allclose(vectors, expected, rtol=0, atol=3e-6, err_msg=prompt)
        with pytest.raises(ValueError, match="at least one word in Latin letters"):
            model.read("走る", *sizes)


def letters_table():
    """The text of letters.inc: what is a letter or digit once it is in lower case and without accents, and accents."""
    accented, marks = [], []
    for code in range(0x80, 0x110000):
        letter = chr(code)
        if unicodedata.ucd_3_2_0.category(letter) in ("Cn", "Cs", "Co"):  # what is older than that stays as it is
            continue
        decomposed = unicodedata.normalize("NFD", letter.lower())
        plain = "".join(part for part in decomposed if unicodedata.category(part) != "Mn")
        if not plain:
            marks.append(code)
        elif plain.isascii() and plain.isalnum():
            accented.append(f"{{{code:#x}, '{plain}'}},")
    runs = []
    for code in marks:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    ranges = [f"{{{first:#x}, {last:#x}}}," for first, last in runs]
    return (
        "// `letters_table` of tests/kernels/test_native_text.py writes this file.\n\n"
        "// Letters and digits that ASCII has without their accents, in rising order.\n"
        f"constexpr Accented kAccented[] = {{\n{rows(accented)}\n}};\n\n"
        f"// Nonspacing marks.\nconstexpr Range kMarks[] = {{\n{rows(ranges)}\n}};\n"
    )


def rows(entries, width=8):
    return "\n".join("  " + " ".join(entries[start : start + width]) for start in range(0, len(entries), width))


def test_the_table_of_letters_is_unicodes():
    assert LETTERS.read_text(encoding="ascii") == letters_table(), "write letters_table() to letters.inc"
