"""What the reader of texts reads in prompts that it was not taught with: precision and recall by what they ask for.

    python benchmarks/text_reader.py --out benchmarks/results/text_reader.md

Of the prompts of the obey report that are left out of training, those of one action.  WANTED says by hand which of
TOLD, steps of measures that tell actions apart, a motion of each kind of prompt is over (the side as the prompt has it)
and which may go either way ("?").  A step is read where its share among motions of such words is over a half.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import command
import machine

from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.support.errors import EngineError
from genmo.train.evaluation.obey_prompts import LEFT_OUT, Prompt

READ = 0.5
TOLD = (
    "speed>0.4", "speed>1.8", "ahead>0.4", "back>0.1", "ward_left>0.1", "ward_right>0.1", "turn_left>45",
    "turn_right>45", "raised_left>0.2", "raised_right>0.2", "both_raised>0.2", "together>0.4", "seat>0.1",
    "low_first>0.2", "low_last>0.2",
    "knee_down>0.1", "tilt>40", "hand_low>0.4", "jumps>1", "jumps>2", "foot_speed_left>3.5", "foot_speed_right>3.5",
    "punches_left>1", "punches_right>1", "one_leg_left>0.2", "one_leg_right>0.2",
)  # fmt: skip
WALK = "speed>0.4 ahead>0.4"
WANTED = {
    "walks": WALK, "walks slowly": "speed>0.4? ahead>0.4?", "walks very slowly": "speed>0.4? ahead>0.4?",
    "walks briskly": f"{WALK} speed>1.8?", "sneaks": f"{WALK} low_first>0.2? low_last>0.2?",
    "jogs": f"{WALK} speed>1.8", "runs": f"{WALK} speed>1.8", "walks backwards": "speed>0.4 back>0.1",
    "sidesteps": "speed>0.4? ward_left>0.1", "walks diagonally": "speed>0.4 ahead>0.4 ward_left>0.1",
    "walks a circle": f"{WALK} turn_left>45", "turns 90 degrees": f"{WALK} turn_left>45",
    "turns 90 degrees on the spot": "turn_left>45", "veers": f"{WALK} turn_left>45?",
    "runs in a bend": f"{WALK} speed>1.8 turn_left>45?", "raises one hand": "raised_left>0.2",
    "raises both hands": "raised_left>0.2 raised_right>0.2 both_raised>0.2", "both arms out": "", "one arm out": "",
    "points ahead": "", "hands on hips": "", "hands together": "together>0.4", "waves one hand": "raised_left>0.2?",
    "waves both hands": "raised_left>0.2 raised_right>0.2 both_raised>0.2", "claps": "together>0.4?",
    "sits down": "seat>0.1 low_last>0.2 tilt>40?", "sits": "seat>0.1 low_first>0.2 low_last>0.2",
    "stands up": "seat>0.1? low_first>0.2 tilt>40?", "gets up from the ground": "low_first>0.2 tilt>40? hand_low>0.4?",
    "kneels": "low_last>0.2 knee_down>0.1 low_first>0.2? tilt>40? hand_low>0.4?",
    "crouches": "low_last>0.2 tilt>40? hand_low>0.4? seat>0.1?", "squats once": "tilt>40? seat>0.1? hand_low>0.4?",
    "bows": "tilt>40 hand_low>0.4?", "bends down": "tilt>40 hand_low>0.4 low_last>0.2?",
    "picks up": "tilt>40 hand_low>0.4", "lies down": "low_last>0.2 tilt>40 hand_low>0.4",
    "crawls": "low_first>0.2 low_last>0.2 tilt>40 hand_low>0.4 knee_down>0.1? speed>0.4?",
    "jumps once": "jumps>1", "jumps twice": "jumps>1 jumps>2", "jumps three times": "jumps>1 jumps>2",
    "jumps five times": "jumps>1 jumps>2", "jumps repeatedly": "jumps>1 jumps>2",
    "jumps high": "jumps>1 raised_left>0.2? raised_right>0.2?",
    "jumps forward": "jumps>1 speed>0.4? ahead>0.4?",
    "hops on one leg": "jumps>1 jumps>2? speed>0.4? one_leg_left>0.2?",
    "kicks with one leg": "foot_speed_left>3.5 one_leg_right>0.2?", "punches with one hand": "punches_left>1",
    "boxes": "punches_left>1 punches_right>1", "throws": "raised_left>0.2?", "stands still": "", "stays": "",
    "balances": "one_leg_left>0.2",
}  # fmt: skip
"""predicate -> steps of TOLD; turns without a side, spins and what says a change or two things are left out"""


def wanted(prompt: Prompt) -> tuple[set[str], set[str]]:
    """Steps that are asked for, and those that may go either way, with the prompt's side."""
    words = WANTED[prompt.predicate].split()
    named = [mirrored_trait(word) if prompt.side == "right" else word for word in words]
    return {name for name in named if not name.endswith("?")}, {name[:-1] for name in named if name.endswith("?")}


def table(engine: str | None) -> list[str]:
    """The report.  Raises EngineError for an engine without a reader."""
    reader = load_engine(engine).text_reader
    if reader is None:
        raise EngineError("the engine has no reader of texts; wanted one with it")
    rows = {name: reader.traits.index(name) for name in TOLD}
    groups: dict[str, list[int]] = {}
    sides = [0, 0]
    for prompt in (prompt for prompt in LEFT_OUT if prompt.predicate in WANTED):
        odds = reader.read(prompt.text).odds
        read = {name for name, row in rows.items() if odds[row] > READ}
        asked, free = wanted(prompt)
        found = groups.setdefault(prompt.group, [0, 0, 0, 0])
        for at, count in enumerate((1, len(read & asked), len(read - free), len(asked))):
            found[at] += count
        for name in asked & read if prompt.side else ():
            sides[0] += "left" in name or "right" in name
        sides[1] += len({mirrored_trait(name) for name in asked} & (read - asked)) if prompt.side else 0
    groups["all"] = [sum(found[at] for found in groups.values()) for at in range(4)]
    lines = [
        "| group | prompts | steps read | of these asked for (precision) | of those asked for read (recall) |",
        "|---|---|---|---|---|",
    ]
    for group, (prompts, right, said, asked) in groups.items():
        precision, recall = (f"{100 * right / of:.0f} %" if of else "" for of in (said, asked))
        lines.append(f"| {group} | {prompts} | {said} | {precision} | {recall} |")
    lines += [
        "",
        f"Of steps with a side that are read where a side is asked for, {sides[0]} are of that side and {sides[1]} of "
        "the other.",
    ]
    return lines


def run(args: argparse.Namespace) -> int:
    facts = {name: str(value) for name, value in machine.describe(("numpy",)).items()}
    title = "What the reader of texts reads in prompts that it was not taught with"
    command.publish(title, [table(args.engine)], facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--engine", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
