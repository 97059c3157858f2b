"""The predicates of the obey report on real motion: what truly happens must pass, what does not must fail.

    python benchmarks/obey_predicates.py --data FOLDER --out benchmarks/results/obey_predicates.md

FOLDER holds the motion sets `cmu30`, `cmu_more30`, `cmu_box30`, `o3de30`, `reactidle30`, `ual30` and `bn30`; those that
are not there are left out.  Truth is what the databases' own words say of a clip, or how it was made of real clips: one
joined to another (walks, then sits), played backwards, mirrored, or with the arms of another.  Clips are cut to
windows as long as the report's motions, or taken whole (up to eight seconds) where what they do happens once.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import command
import machine

from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.gait_loops import joined
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.obey import obeys
from genmo.train.evaluation.obey_prompts import PREDICATES
from genmo.train.evaluation.simulated import spread_out, true_joints
from genmo.train.metrics.action_measures import Signals, mirrored_joints

SETS = ("cmu30", "cmu_more30", "cmu_box30", "o3de30", "reactidle30", "ual30", "bn30")
WINDOW, LONGEST, SHORTEST = 120, 240, 24
MOST = 40
"""motions of a class that are looked at"""
ARMS = list(
    joint_indices("left_collar", "right_collar", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow")
)


@dataclass(frozen=True)
class Kind:
    """Real clips that all do the same: the words of their set, and whether they are cut to windows."""

    words: str
    """regular expression of "set: caption" or "set: database's words" """
    whole: bool = False


KINDS = {
    "walk": Kind(r"cmu30: a person walks$|bn30: walk /"),
    "slow walk": Kind(r"cmu30: a person walks slowly$"),
    "brisk walk": Kind(r"cmu30: a person walks briskly$"),
    "jog": Kind(r"cmu30: a person jogs$"),
    "run": Kind(r"cmu30: a person(: run| runs)$|bn30: run / (active|normal|masculine)"),
    "crouched walk": Kind(r"o3de30: a person walks around crouching"),
    "backward": Kind(r"cmu_more30: a person dribbles a basketball backward"),
    "to the left": Kind(r"cmu\w*30: a person dribbles a basketball sideways"),
    "90 left": Kind(r"cmu30: a person (walks|jogs) and makes a 90-degree left|bn30: walk-turn-left", True),
    "90 right": Kind(r"cmu30: a person (walks|jogs) and makes a 90-degree right|bn30: walk-turn-right", True),
    "veer left": Kind(r"cmu30: a person (walks|jogs|runs) and veers left", True),
    "fast veer left": Kind(r"cmu30: a person ((jogs|runs) and veers|: run turn) left", True),
    "veer right": Kind(r"cmu30: a person (walks|jogs|runs) and veers right", True),
    "jump, turn 90": Kind(r"cmu_more30: a person (jumps and turns|makes a small jump and turns)$", True),
    "jump, turn 180": Kind(r"cmu_more30: a person jumps and turns 180"),
    "raise left": Kind(r"bn30: raise-up-left-hand / (normal|active|masculine|feminine|youthful)", True),
    "raise right": Kind(r"bn30: raise-up-right-hand / (normal|active|masculine|feminine|youthful)", True),
    "raise both": Kind(r"bn30: raise-up-both-hands / (normal|active|masculine|feminine|youthful)", True),
    "wave left": Kind(r"bn30: wave-left-hand / (normal|active|masculine|youthful)", True),
    "wave right": Kind(r"bn30: wave-right-hand / (normal|active|masculine|youthful)", True),
    "wave both": Kind(r"bn30: wave-both-hands / (normal|active|masculine|youthful)", True),
    "sit": Kind(r"ual30: a person sits( and|$)"),
    "sit down": Kind(r"ual30: a person sits down", True),
    "stand up": Kind(r"ual30: a person stands up from a chair", True),
    "stool": Kind(r"cmu30: a person: sit on stepstool, (stand up$|ankle)", True),
    "from the ground": Kind(r"cmu30: a person gets up from the ground", True),
    "kneel": Kind(r"ual30: a person kneels"),
    "crouch": Kind(r"ual30: a person crouches"),
    "fall": Kind(r"ual30: a person is hit and falls", True),
    "scoop": Kind(r"cmu30: a person: bend over, scoop up"),
    "jump": Kind(r"cmu\w*30: a person jumps( forward| high| and turns.*| far and turns)?$", True),
    "long jump": Kind(r"cmu30: a person jumps forward$", True),
    "jumping": Kind(r"cmu30: a person: jump up and down"),
    "kick right": Kind(r"cmu\w*30: a person kicks a soccer ball", True),
    "box": Kind(r"cmu\w*30: a person is boxing|cmu30: a person throws punches"),
    "right punch": Kind(r"ual30: a person throws a cross", True),
    "left punch": Kind(r"ual30: a person throws a jab", True),
    "walk, stop": Kind(r"cmu30: a person walks slowly and stops", True),
    "jog, stop": Kind(r"cmu30: a person (jogs and suddenly stops|: run to quick stop)", True),
    "walk to run": Kind(r"cmu30: a person: walk to run", True),
    "stand": Kind(r"reactidle30: a person stands idle, waiting|ual30: a person stands idle"),
    "balance left": Kind(r"cmu30: a person: balance on one leg"),
}


def backwards(clip: Clip) -> Clip:
    """The clip played backwards."""
    return replace(clip, rotations=clip.rotations[::-1], translation=clip.translation[::-1])


def after(first: Clip, then: Clip) -> Clip:
    """One clip after the other, the second turned and moved to where the first ends."""
    rotations, translation = joined(first.rotations, first.translation, then.rotations, then.translation)
    return replace(first, rotations=rotations, translation=translation)


def with_arms(legs: Clip, arms: Clip) -> Clip:
    """The first clip with the arms of the second, as long as both last."""
    frames = min(legs.frames, arms.frames)
    rotations = legs.rotations[:frames].copy()
    rotations[:, ARMS] = arms.rotations[:frames, ARMS]
    return replace(legs, rotations=rotations, translation=legs.translation[:frames])


def short(clip: Clip, seconds: float) -> Clip:
    """The middle of a clip, at most so many seconds of it."""
    frames = min(clip.frames, round(seconds * FPS))
    first = (clip.frames - frames) // 2
    span = slice(first, first + frames)
    return replace(clip, rotations=clip.rotations[span], translation=clip.translation[span])


def held(clip: Clip) -> Clip:
    """The middle pose of a clip, four seconds long."""
    frame = clip.frames // 2
    return replace(
        clip,
        rotations=clip.rotations[frame : frame + 1].repeat(WINDOW, 0),
        translation=clip.translation[[frame] * WINDOW],
    )


Make = Callable[..., Clip]
# made of real clips: name -> (kinds of the parts, how they become one)
MADE: dict[str, tuple[tuple[str, ...], Make]] = {
    "walk backwards, reversed": (("walk",), backwards),
    "stand up, reversed": (("sit down",), backwards),
    "stand, walk": (("stand", "walk"), lambda a, b: after(short(a, 1.6), short(b, 2.6))),
    "stand, run": (("stand", "run"), lambda a, b: after(short(a, 1.6), short(b, 2.0))),
    "run, stand": (("run", "stand"), lambda a, b: after(short(a, 2.0), short(b, 2.0))),
    "run, walk": (("run", "walk"), lambda a, b: after(short(a, 2.0), short(b, 2.0))),
    "stand, run, stand": (
        ("stand", "run", "stand"),
        lambda a, b, c: after(after(short(a, 1.3), short(b, 2.0)), short(c, 1.3)),
    ),
    "two jumps": (("jump",), lambda a: after(short(a, 3), short(a, 3))),
    "three jumps": (("jump",), lambda a: after(after(short(a, 3), short(a, 3)), short(a, 3))),
    "walk, sit": (("walk", "sit down", "sit"), lambda a, b, c: after(after(short(a, 2), b), short(c, 2))),
    "wave left, walk": (("wave left", "walk"), lambda a, b: after(short(a, 3), short(b, 2.5))),
    "stand up, walk": (("stand up", "walk"), lambda a, b: after(a, short(b, 2.5))),
    "jump, about-face": (("jump", "jump, turn 180"), lambda a, b: after(short(a, 3), b)),
    "walk, walk backwards": (("walk", "walk"), lambda a, b: after(short(a, 3), backwards(short(b, 3)))),
    "left arm, right arm": (("raise left", "raise right"), after),
    "punch, kick": (("right punch", "kick right"), after),
    "crouch, jump": (("crouch", "jump"), lambda a, b: after(short(a, 2), short(b, 3))),
    "walk, wave left": (("walk", "wave left"), with_arms),
    "walk, arms up": (("walk", "raise both"), lambda a, b: with_arms(a, held(b))),
    "run, arms up": (("run", "raise both"), lambda a, b: with_arms(a, held(b))),
}
# predicate -> the kinds that do it, and those that may: they are left out of what has to fail
DOES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "walks": (
        ("walk", "slow walk"),
        ("90", "veer", "brisk", "crouched", "walk, ", "walk to", "jog, stop", "kick", "left", "right"),
    ),
    "walks slowly": (
        ("slow walk",),
        ("walk", "90", "crouched", "veer", "kick", "jog, stop", "stool", "long jump", "jump", "box"),
    ),
    "walks very slowly": ((), ()),
    "walks briskly": (("brisk walk",), ("walk", "jog", "run", "90", "veer")),
    "jogs": (("jog",), ("run", "walk", "veer", "90")),
    "runs": (("run",), ("jog", "veer", "90", "brisk", "run, arms", "stand, run", "run, walk")),
    "sneaks": (("crouched walk",), ("walk",)),
    "walks backwards": (("backward", "walk backwards, reversed"), ()),
    "sidesteps": (("to the left",), ()),
    "turns 90 degrees": (("90 left",), ("veer left", "jump, turn 90", "kick", "jog, stop", "fall")),
    "turns 90 degrees on the spot": (("jump, turn 90",), ("90 left", "jump", "fall")),
    "turns around": (("jump, turn 180",), ("jump, about-face", "fall", "jump")),
    "veers": (("veer left",), ("90 left", "jog, stop", "kick", "jump", "jog", "run", "walk, stop")),
    "runs in a bend": (("fast veer left",), ("90 left", "veer left", "kick", "jog, stop", "run")),
    "raises one hand": (("raise left", "wave left"), ("walk, wave left", "wave left, walk", "left arm")),
    "raises both hands": (("raise both", "wave both"), ("arms up", "jump", "balance")),
    "waves one hand": (("wave left",), ("walk, wave left", "wave left, walk")),
    "waves both hands": (("wave both",), ()),
    "sits down": (("sit down",), ("walk, sit", "stool")),
    "sits": (("sit",), ("stool", "walk, sit")),
    "sits a while": (("sit", "stool", "sit down"), ("walk, sit", "stand up", "kneel", "crouch")),
    "stands up": (("stand up", "stand up, reversed"), ("stand up", "from the ground", "stool", "crouch, jump")),
    "is getting up": (("from the ground",), ("stool", "scoop", "stand up", "crouch, jump")),
    "kneels": (("kneel",), ("from the ground",)),
    "crouches": (
        ("crouch",),
        (
            "kneel",
            "stool",
            "sit",
            "stand up",
            "scoop",
            "fall",
            "from the ground",
            "walk, sit",
            "crouch",
            "jump",
            "long jump",
            "two jumps",
            "three jumps",
        ),
    ),
    "bends down": (("scoop",), ("from the ground", "fall", "stool", "jump")),
    "picks up": (("scoop",), ("from the ground",)),
    "lies down": (("fall",), ("from the ground",)),
    "jumps once": (("jump",), ("jump", "crouch, jump", "run", "long jump", "kick")),
    "jumps twice": (("two jumps",), ("jumping", "run", "three jumps", "about-face")),
    "jumps three times": (("three jumps",), ("jumping", "run")),
    "jumps repeatedly": (("jumping", "two jumps", "three jumps"), ("run", "about-face")),
    "jumps forward": (("long jump",), ("jump", "run", "crouch, jump")),
    "kicks": (("kick right",), ("punch, kick",)),
    "punches": (("box", "right punch", "left punch"), ("punch, kick",)),
    "punches with one hand": (("left punch",), ("box",)),
    "boxes": (("box",), ()),
    "starts walking": (
        ("stand, walk",),
        ("wave left, walk", "stand up, walk", "stand, run", "kick", "walk to run", "from", "long jump"),
    ),
    "starts running": (("stand, run",), ("walk to run", "kick")),
    "stops": (
        ("walk, stop", "jog, stop", "run, stand"),
        ("stand, run, stand", "walk, sit", "kick", "jump", "long jump", "walk to run", "fall"),
    ),
    "runs and stops": (("jog, stop", "run, stand"), ("kick", "stand, run, stand")),
    "speeds up": (("walk to run",), ("stand, run", "jog", "run")),
    "slows down": (("run, walk",), ("run", "jog", "kick", "90", "veer")),
    "stands, runs, stops": (("stand, run, stand",), ("jog, stop", "run, stand", "kick", "walk to run")),
    "walks, sits": (("walk, sit",), ()),
    "crouches, jumps": (("crouch, jump",), ("jump", "long jump", "two jumps", "three jumps", "jumping")),
    "waves, walks": (("wave left, walk",), ()),
    "stands up, walks": (("stand up, walk",), ("from the ground",)),
    "jumps, turns around": (("jump, about-face",), ("jump, turn 180", "two jumps", "three jumps", "jump")),
    "walks forward, backward": (("walk, walk backwards",), ()),
    "left arm, right arm": (("left arm, right arm",), ()),
    "punches, kicks": (("punch, kick",), ()),
    "walks and waves": (("walk, wave left",), ("wave left, walk",)),
    "walks with arms up": (("walk, arms up",), ("run, arms up",)),
    "runs with arms up": (("run, arms up",), ()),
    "stands still": (("stand",), ("walk, stop", "balance")),
    "stays": (("stand",), ("raise", "wave", "left arm", "balance", "box", "punch")),
    "balances": (("balance left",), ()),
}


def real_motions(folder: Path) -> dict[str, list[Clip]]:
    """The clips of each kind, as they are."""
    found: dict[str, list[Clip]] = {name: [] for name in KINDS}
    patterns = {name: re.compile(kind.words) for name, kind in KINDS.items()}
    for name in SETS:
        if not (folder / name / "index.json").is_file():
            continue
        for clip in read_clips(folder / name):
            words = [f"{name}: {text}" for text in clip.captions]
            for kind, pattern in patterns.items():
                if clip.frames >= SHORTEST and any(pattern.search(text) for text in words):
                    found[kind].append(clip)
    if not any(found.values()):
        raise InputError(f"{folder}: none of the sets {', '.join(SETS)}; wanted a folder with some of them")
    return {kind: spread_out(clips, MOST) for kind, clips in found.items()}


def windows(clip: Clip, whole: bool) -> list[Array]:
    """World joints of the windows of a clip; the last second of a clip that does not fill a window is left out."""
    joints = true_joints(clip)
    if whole:
        first = max(0, (len(joints) - LONGEST) // 2)
        return [joints[first : first + LONGEST]]
    starts = range(0, max(len(joints) - WINDOW, 0) + 1, WINDOW)
    return [joints[start : start + WINDOW] for start in starts][:6]


def classes(clips: Mapping[str, Sequence[Clip]]) -> dict[str, list[Array]]:
    """World joints of the motions of each class, at most MOST."""
    found = {
        kind: spread_out([one for clip in clips[kind] for one in windows(clip, KINDS[kind].whole)], MOST)
        for kind in KINDS
    }
    for name, (parts, make) in MADE.items():
        count = min((len(clips[part]) for part in parts), default=0)
        wanted = min(12, max(len(clips[part]) for part in parts)) if count else 0
        made = [make(*(clips[part][n % len(clips[part])] for part in parts)) for n in range(wanted)]
        found[name] = [true_joints(clip) for clip in made]
    return {name: motions for name, motions in found.items() if motions}


def judged(motions: Mapping[str, Sequence[Array]]) -> list[str]:
    """The page's table."""
    lines = [
        "| predicate | what does it: passes | other side passes | what does not: passes | of them |",
        "|---|---|---|---|---|",
    ]
    seen = {name: [Signals.of(joints) for joints in listed] for name, listed in motions.items()}
    mirrors = {name: [Signals.of(mirrored_joints(joints)) for joints in listed] for name, listed in motions.items()}
    hits = total = false = others = 0
    for predicate, (does, may) in DOES.items():
        passes = {
            name: sum(obeys(one, predicate) for one in listed)
            for name, listed in seen.items()
            if name in does or not any(name.startswith(word) or word in name for word in may)
        }
        positive = [name for name in does if name in motions]
        true = {name: passes.pop(name) for name in positive}
        if not positive:
            continue
        mirrored = sum(obeys(one, predicate) for name in positive for one in mirrors[name])
        counts = "; ".join(f"{name} {true[name]} of {len(motions[name])}" for name in positive)
        wrong = ", ".join(f"{name} {count} of {len(motions[name])}" for name, count in passes.items() if count)
        made = sum(len(motions[name]) for name in passes)
        hits, total = hits + sum(true.values()), total + sum(len(motions[name]) for name in positive)
        false, others = false + sum(passes.values()), others + made
        lines.append(f"| {predicate} | {counts} | {mirrored} | {sum(passes.values())} of {made} | {wrong} |")
    rest = [name for name in PREDICATES if name not in DOES or not DOES[name][0]]
    return [
        *lines,
        "",
        f"Together: {hits} of {total} pass that do what the predicate says ({100 * hits / total:.1f} %), {false} of "
        f"{others} that do not ({100 * false / others:.2f} %). The third column: motions that do it, in a mirror.",
        "",
        f"Without a class of real motion: {', '.join(rest)}.",
    ]


def run(args: argparse.Namespace) -> int:
    motions = classes(real_motions(Path(args.data)))
    facts = {name: str(value) for name, value in machine.describe(("numpy",)).items()}
    command.publish("Predicates of the obey report on real motion", [judged(motions)], facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, metavar="FOLDER", help="the folder of the motion sets")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
