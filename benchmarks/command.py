"""What the benchmarks' commands do alike: positive numbers, contests with a progress bar, a page, errors in a line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import machine
import measure
import report
from tqdm import tqdm

from genmo.runtime.support.errors import GenmoError


def above_zero(kind: type) -> Callable[[str], Any]:
    """A parser of positive numbers for argparse."""

    def parse(text: str) -> Any:
        if not 0 < kind(text) < float("inf"):
            raise ValueError(text)
        return kind(text)

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def contest(
    contests: Mapping[str, tuple[measure.Call, measure.Call]], args: argparse.Namespace
) -> tuple[dict[str, list[measure.Pair]], list[list[str]], dict[str, str]]:
    """`args.pairs` pairs of blocks of `args.block_seconds` of each contest (baseline, candidate).

    Their measurements; parts that lead the page where these are a trial only; what else the machine did meanwhile.
    """
    before = machine.snapshot()
    with tqdm(total=args.pairs * len(contests), unit="pair", disable=None) as bar:
        measured = measure.interleave(contests, args.pairs, args.block_seconds, bar.update)
    load = machine.load_between(before, machine.snapshot())
    few = (
        f"pairs: {args.pairs}; an interval needs {measure.MIN_PAIRS} or more" if args.pairs < measure.MIN_PAIRS else ""
    )
    doubts = [[f"**A trial, not a result**: {doubt}."] for doubt in (few, machine.disturbed(load)) if doubt]
    return measured, doubts, {name: str(value) for name, value in load.items()}


def publish(title: str, parts: Sequence[Sequence[str]], facts: Mapping[str, str], out: Path | None) -> None:
    """Print the page, and write it to `out` if that is given."""
    text = report.page(title, parts, facts)
    print(text, end="")
    if out:
        out.write_text(text, encoding="utf-8")


def store(numbers: Mapping[str, Any], out: Path | None) -> None:
    """Write the numbers to `out` as JSON if that is given."""
    if out:
        out.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def answer(
    options: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], arguments: Sequence[str] | None
) -> int:
    """What `run` answers to the parsed arguments; one line and exit status 2 for what genmo or the system refuses.

    Folders of the files to write are made first: a bad place must not cost a whole measurement.
    """
    args = options.parse_args(arguments)
    try:
        for name in ("out", "json"):
            if getattr(args, name, None):
                getattr(args, name).parent.mkdir(parents=True, exist_ok=True)
        return run(args)
    except (GenmoError, OSError) as error:
        options.error(" ".join(str(error).split()))
