"""What the reader of texts finds: of the examples that do most of what a prompt says, how many obey it.

    python benchmarks/text_reader.py --out benchmarks/results/text_reader.md

The prompts of the obey report that are one text of four seconds, each with the FOUND examples of the engine that takes
would start from (`runtime/actions/examples.py`), judged by the prompt's predicate.  No network but the reader runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import command
import machine

from genmo.runtime.actions.examples import Examples
from genmo.runtime.actions.names import Said
from genmo.runtime.conditions.text_sequence import parts_of
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.text_reader import TextReader
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.errors import EngineError
from genmo.train.evaluation.obey import LISTS, obeys, signals_of_side
from genmo.train.evaluation.obey_prompts import SECONDS, Prompt

FOUND = 4
OTHER = {"left": "right", "right": "left"}


def judged(reader: TextReader, examples: Examples, prompt: Prompt) -> tuple[float, float]:
    """Shares of the examples found that obey a prompt, and that do so on the other side."""
    reading, frames = reader.read(prompt.text), round(SECONDS * FPS)
    said = Said(0, frames, reader.traits, reading.weights)
    joints = [examples.motion(one, frames).joints_world() for one in examples.nearest([said], frames, FOUND)]
    sides = [prompt.side, OTHER[prompt.side]] if prompt.side else [""]
    shares = [sum(obeys(signals_of_side(one, side), prompt.predicate) for one in joints) / FOUND for side in sides]
    return shares[0], sum(shares[1:])


def rows(reader: TextReader, examples: Examples, prompts: Sequence[Prompt]) -> list[str]:
    """A row a group of prompts, and one of all."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for prompt in prompts:
        if prompt.seconds == SECONDS and len(parts_of(prompt.text)) == 1:
            groups.setdefault(prompt.group, []).append(judged(reader, examples, prompt))
    groups["all"] = [one for of_group in groups.values() for one in of_group]
    return [
        f"| {group} | {len(found)} | {100 * sum(right for right, _ in found) / len(found):.0f} % "
        f"| {100 * sum(wrong for _, wrong in found) / len(found):.0f} % |"
        for group, found in groups.items()
        if found
    ]


def table(engine: str | None) -> list[str]:
    """The report.  Raises EngineError for an engine without a reader or examples."""
    loaded = load_engine(engine)
    if loaded.text_reader is None or loaded.examples is None:
        raise EngineError("the engine has no reader of texts or no examples; wanted one with both")
    lines = []
    for title, prompts in LISTS.items():
        lines += [f"{title.capitalize()}:", "", "| group | prompts | examples that obey | on the other side |"]
        lines += ["|---|---|---|---|", *rows(loaded.text_reader, loaded.examples, prompts), ""]
    return lines[:-1]


def run(args: argparse.Namespace) -> int:
    facts = {name: str(value) for name, value in machine.describe(("numpy",)).items()}
    title = f"Of the {FOUND} examples that do most of what a prompt says, how many obey it"
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
