"""Verb phrases for people on the move, from their tags: pace, direction and turn in any order that English allows."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from genmo.train.captions.body_phrases import HOPS, JUMPS
from genmo.train.captions.grammar import one_of
from genmo.train.captions.phrases import DEGREES, NUMBERS, counts
from genmo.train.captions.wordings import draw_wording

WIDE_SHARE = 0.34
"""of phrases of gaits, turns and jumps that come from `wordings`"""
GAITS = ("walk", "jog", "run", "crouch_walk")
_VERBS = {
    "walk": ("<walk>", "<walk>", "<walk>", "<walk>", "<walk>", "<walk>", "<step>", "<go>", "<move>"),
    "jog": ("<jog>", "<jog>", "<jog>", "<trot>", "<run> at an easy pace", "<run> slowly", "<go> jogging"),
    "run": ("<run>", "<run>", "<run>", "<run>", "<dash>", "<race>"),
    "crouch_walk": (
        "<walk> crouched",
        "<walk> in a crouch",
        "<sneak>",
        "<creep>",
        "<walk> with bent knees",
        "<crouch> and <walk>",
        "<walk> ducked down",
    ),
}
_SLOW = (
    "slowly",
    "slowly",
    "slowly",
    "at a slow pace",
    "very slowly",
    "leisurely",
    "with slow steps",
    "unhurriedly",
    "slow",
)
_BRISK = (
    "quickly",
    "briskly",
    "fast",
    "at a fast pace",
    "at a brisk pace",
    "hurriedly",
    "in a hurry",
    "with quick steps",
)
_STEADY = ("at a normal pace", "at a steady pace", "at a moderate speed", "normally", "calmly")
_FASTEST = ("fast", "quickly", "at full speed", "very fast", "as fast as possible", "at top speed")
_FORWARD = ("forward", "forward", "forwards", "ahead", "straight ahead", "onward")
_STRAIGHT = (
    "straight ahead",
    "in a straight line",
    "straight forward",
    "straight",
    "forward in a straight line",
    "straight on",
)
_BACK = ("backward", "backwards", "backward", "backwards", "back", "in reverse")


def _sideways(side: str) -> tuple[str, ...]:
    return (f"to the {side}", f"sideways to the {side}", f"sideways {side}", f"to {{p}} {side}", side)


def _diagonal(side: str, way: str) -> tuple[str, ...]:
    return (
        f"diagonally {way} to the {side}",
        f"diagonally {way} and {side}",
        f"{way} and to the {side} at an angle",
        f"diagonally to the {'front' if way == 'forward' else 'back'} {side}",
        f"{way} {side} diagonally",
    )


def direction_of(kind: str, tags: Collection[str]) -> str:
    """The direction that a tag of the gait names; "" for none."""
    return next((tag.removeprefix(f"{kind}_") for tag in sorted(tags) if tag in _directions(kind)), "")


def _directions(kind: str) -> set[str]:
    ways = ("forward", "back", "left", "right", "diagonal_left", "diagonal_right")
    return {f"{kind}_{way}" for way in (*ways, "diagonal_back_left", "diagonal_back_right")}


def _where(where: str, straight: bool, random: np.random.Generator) -> str:
    if where == "forward":
        if straight and random.random() < 0.4:
            return one_of(random, _STRAIGHT)
        return one_of(random, _FORWARD) if random.random() < 0.45 else ""
    if where == "back":
        return one_of(random, _BACK)
    if where in ("left", "right"):
        return one_of(random, _sideways(where))
    side = where.rpartition("_")[2]
    return one_of(random, _diagonal(side, "backward" if "back" in where else "forward")) if where else ""


def _verb(kind: str, where: str, random: np.random.Generator) -> tuple[str, str]:
    """Verb and words of direction that are part of it; the latter replace others."""
    if kind == "walk" and where == "back" and random.random() < 0.2:
        return one_of(random, ("<back> up", "<back> away", "<step> back")), ""
    if kind == "walk" and where in ("left", "right") and random.random() < 0.5:
        return one_of(random, ("<sidestep>", "<side-step>", "<step>", "<shuffle>", "<strafe>")), where
    return one_of(random, _VERBS[kind]), where


def _pace(kind: str, tags: Collection[str], random: np.random.Generator) -> str:
    if "walk_slow" in tags:
        return one_of(random, _SLOW) if random.random() < 0.8 else ""
    if "walk_brisk" in tags:
        return one_of(random, _BRISK) if random.random() < 0.85 else ""
    if "run_fast" in tags and random.random() < 0.6:
        return one_of(random, _FASTEST)
    if kind == "walk" and random.random() < 0.04:
        return one_of(random, _STEADY)
    return ""


def _wide_gait(kind: str, where: str, tags: Collection[str], random: np.random.Generator) -> str:
    """A gait with its pace and direction from the wider tables; "" where they have none."""
    if "around" in tags:
        return draw_wording("walk_around", "", random) if kind == "walk" and where == "forward" else ""
    pace = next((tag for tag in ("walk_slow", "walk_brisk", "run_fast") if tag in tags), "")
    if pace and where == "forward" and random.random() < 0.85:
        return draw_wording(pace, "", random)
    side = where.rpartition("_")[2] if where.endswith(("left", "right")) else ""
    return draw_wording(f"{kind}_{where.replace(side, 'S') if side else where}", side, random)


def gait_phrase(kind: str, tags: Collection[str], random: np.random.Generator) -> str:
    """The verb phrase of a gait; "" when no honest one exists (a direction that keeps changing)."""
    where = direction_of(kind, tags)
    turn = turn_phrase(tags, random)
    if "around" in tags:
        where, turn = (
            where if where == "forward" else "",
            one_of(random, ("around", "around", "about", "around in curves")),
        )
    if not where and (not turn or "around" in tags):
        return ""
    if random.random() < WIDE_SHARE and (phrase := _wide_gait(kind, where, tags, random)):
        return f"{phrase} {'' if 'around' in tags else turn or _change(tags, random)}".strip()
    if "run_fast" in tags and random.random() < 0.4:
        verb, rest = "<sprint>", where
    elif "walk_slow" in tags and where == "forward" and random.random() < 0.2:
        verb, rest = one_of(random, ("<stroll>", "<wander>", "<saunter>")), where
    elif "walk_brisk" in tags and where == "forward" and random.random() < 0.15:
        verb, rest = one_of(random, ("<stride>", "<hurry>", "<march>")), where
    else:
        verb, rest = _verb(kind, where, random)
    pace = _pace(kind, tags, random) if len(verb.split()) < 3 else ""
    words = "" if "around" in tags else _where(rest, "straight" in tags, random)
    if not words and verb in ("<step>", "<go>", "<move>"):
        verb = "<walk>"  # the others need a direction
    if where == "back" and not rest:
        words = ""
    style = random.random()
    if pace and style < 0.2 and pace.endswith("ly") and " " not in pace:
        phrase = f"{pace} {verb} {words}"
    elif style < 0.6:
        phrase = f"{verb} {pace} {words}"
    else:
        phrase = f"{verb} {words} {pace}"
    change = _change(tags, random)
    return " ".join(f"{phrase} {turn or change}".split())


def _change(tags: Collection[str], random: np.random.Generator) -> str:
    if "speed_up" in tags:
        return one_of(random, ("and <speed> up", "and <get> faster", "faster and faster", "and <accelerate>"))
    if "slow_down" in tags:
        return one_of(random, ("and <slow> down", "and <get> slower", "slower and slower", "and <decelerate>"))
    if "weave" in tags:
        return one_of(random, ("in a zigzag", "in curves", "and <weave> left and right", "in a snake line"))
    return ""


def turned(tags: Collection[str]) -> tuple[str, int]:
    """(side, degrees) of the tags' turn; side "" for none, 0 degrees when no named angle is near."""
    for side in ("left", "right"):
        if f"turn_{side}" in tags or f"veer_{side}" in tags:
            return side, next((a for a in DEGREES if f"turn_{side}_{a}" in tags), 0)
    return "", 0


def turn_phrase(tags: Collection[str], random: np.random.Generator) -> str:
    """The turn that people on the move make, as what follows their verb; "" for none."""
    side, angle = turned(tags)
    if not side:
        return ""
    if random.random() < WIDE_SHARE and (row := _wide_turn("turn", side, angle, tags, random)):
        return row
    if angle and (random.random() < 0.6 or angle >= 180):
        return _named_turn(side, angle, random)
    if f"turn_{side}_on" in tags:
        return one_of(
            random, (f"and <keep> turning {side}", f"in circles to the {side}", f"round and round to the {side}")
        )
    if f"veer_{side}" in tags:
        rows: tuple[str, ...] = ("and <veer> S", "and <veer> to the S", "and <curve> to the S",
                "while turning slightly S",
                "in a curve to the S", "and <bear> S", "and <turn> slightly to the S",
                "along a gentle curve to the S")  # fmt: skip
    elif angle == 90:
        rows = ("and <turn> S", "and <turn> to the S", "and <make> a S turn", "and <take> a S turn",
                "and <make> a sharp S turn", "and <turn> sharply to the S",
                "and <go> around a corner to the S")  # fmt: skip
    else:
        rows = ("and <turn> S", "and <turn> to the S", "turning S", "while turning to the S",
                "and <make> a turn to the S", "and <curve> S", "in a curve to the S", "in an arc to the S")  # fmt: skip
    return one_of(random, rows).replace("S", side)


def _wide_turn(kind: str, side: str, angle: int, tags: Collection[str], random: np.random.Generator) -> str:
    if f"turn_{side}_on" in tags:
        return draw_wording(f"{kind}_S_on", side, random)
    if kind == "turn" and f"veer_{side}" in tags:
        return draw_wording("veer_S", side, random)
    if angle and (row := draw_wording(f"{kind}_S_{angle}", side, random)):
        return row
    return "" if angle >= 180 else draw_wording(f"{kind}_S", side, random)


def _named_turn(side: str, angle: int, random: np.random.Generator) -> str:
    size = one_of(random, DEGREES[angle])
    rows = [f"and <turn> {size} to the {side}", f"and <turn> {side} by {size}", f"and <turn> {size} {side}"]
    rows += [f"and <make> a {angle}-degree {side} turn", f"and <make> a {angle}-degree turn to the {side}"]
    rows += [f"and <do> a {angle} degree turn {side}"]
    if angle == 90:
        rows += [f"and <make> a quarter turn to the {side}", f"and <make> a right-angle turn to the {side}"]
    if angle == 180:
        rows += ["and <turn> around", "and <turn> round", "and <make> a U-turn", f"and <turn> around to the {side}"]
        rows += [
            "and <turn> back",
            f"and <make> a U-turn to the {side}",
            "and <do> an about-face",
            "and <turn> the other way",
        ]
    if angle == 360:
        rows = [
            "in a circle",
            f"in a circle to the {side}",
            "in a full circle",
            "around in a circle",
            f"and <turn> {size} {side}",
        ]
        rows += [f"in a {'counterclockwise' if side == 'left' else 'clockwise'} circle", "round in a circle"]
    return one_of(random, rows)


def turn_in_place_phrase(tags: Collection[str], random: np.random.Generator) -> str:
    """A turn by a person who goes nowhere; "" for none."""
    side, angle = turned(tags)
    if not side:
        return ""
    if random.random() < WIDE_SHARE and (row := _wide_turn("spot", side, angle, tags, random)):
        return row
    place = one_of(random, (" in place", " on the spot", " while standing", "", "", "", ""))
    if f"turn_{side}_on" in tags:
        rows = [f"<keep> turning {side}", f"<keep> turning to the {side}", f"<turn> round and round to the {side}"]
        rows += [f"<spin> to the {side}", f"<turn> further and further to the {side}"]
    elif angle and (random.random() < 0.6 or angle >= 180):
        size = one_of(random, DEGREES[angle])
        rows = [f"<turn> {size} to the {side}", f"<turn> {side} by {size}", f"<rotate> {size} to the {side}"]
        rows += [
            f"<make> a {angle}-degree {side} turn",
            f"<make> a {angle}-degree turn to the {side}",
            f"<turn> {size} {side}",
        ]
        if angle == 180:
            rows += [
                "<turn> around",
                "<turn> round",
                f"<turn> around to the {side}",
                "<do> an about-face",
                "<face> about",
            ]
        if angle == 90:
            rows += [f"<make> a quarter turn to the {side}", f"<face> {side}", f"<pivot> {size} to the {side}"]
        if angle == 360:
            rows = [
                "<spin> around",
                "<turn> in a full circle",
                f"<spin> once to the {side}",
                f"<turn> all the way round to the {side}",
            ]
    else:
        rows = [
            f"<turn> {side}",
            f"<turn> to the {side}",
            f"<turn> to {{p}} {side}",
            f"<rotate> to the {side}",
            f"<make> a {side} turn",
        ]
        rows += [f"<pivot> to the {side}", f"<turn> {{p}} body to the {side}"]
    return one_of(random, rows) + place


def jump_phrase(tags: Collection[str], random: np.random.Generator) -> str:
    """The verb phrase of jumps with both feet, or of hops on one; "" for none."""
    for side in ("left", "right"):
        if f"hop_{side}" in tags:
            if random.random() < WIDE_SHARE:
                return _counted(draw_wording("hops", side, random), f"hop_{side}", tags, random)
            rows = HOPS if random.random() < 0.9 else ("<hop>",)
            return _counted(one_of(random, rows).replace("{s}", side), f"hop_{side}", tags, random)
    if "jump" not in tags:
        return ""
    ways = [way for way in ("forward", "back", "left", "right") if f"jump_{way}" in tags]
    if random.random() < WIDE_SHARE:
        phrase = _wide_jump(ways, tags, random)
    elif ways:
        phrase = one_of(random, JUMPS[ways[0]])
    elif "jump_high" in tags and random.random() < 0.7:
        phrase = one_of(random, JUMPS["high"])
    else:
        phrase = one_of(random, JUMPS["up" if "jump_up" in tags and random.random() < 0.6 else ""])
    if "jump_1" in tags and phrase.endswith("up and down"):
        phrase = "<jump> up"
    return _counted(phrase, "jump", tags, random)


def _wide_jump(ways: list[str], tags: Collection[str], random: np.random.Generator) -> str:
    side = ways[0] if ways and ways[0] in ("left", "right") else ""
    way = "S" if side else ways[0] if ways else ""
    if not way and "jump_up" in tags:
        way = "high" if "jump_high" in tags and random.random() < 0.6 else "up"
    return draw_wording(f"jumps_{way}" if way else "jumps", side, random)


def _counted(phrase: str, tag: str, tags: Collection[str], random: np.random.Generator) -> str:
    number = next((n for n in range(1, 7) if f"{tag}_{n}" in tags), 0)
    if not number or number == 1 and random.random() < 0.55:
        return phrase
    if number > 1 and random.random() < 0.2 and phrase.startswith("<jump>"):
        return f"<do> {NUMBERS[number]} jumps{phrase.removeprefix('<jump>')}"
    return f"{phrase} {one_of(random, counts(number))}"
