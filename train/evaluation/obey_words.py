"""What an engine can and cannot do by the obey report, in users' words, written into documents between marks.

    python -m genmo.train.evaluation.obey_words obey.json README.md runtime/engines/small/training/README.md

`obey.json` is what `genmo-eval --obey --out obey.json` wrote.  A document has marks of its own: what stands between
`<!-- obey-line -->` and `<!-- /obey-line -->` becomes a sentence, what stands between `<!-- obey-table -->` and
`<!-- /obey-table -->` a table of what was asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_json, read_text
from genmo.train.evaluation.obey import LISTS, MEASURED_WORDS, NEW_WORDS

PROGRAM = "python -m genmo.train.evaluation.obey_words"
RELIABLE, SOMETIMES = 0.6, 0.25
"""shares of motions that obey, from which a user may rely on a group, or should make several and choose"""
GROUP_WORDS = {
    "gait and speed": "walking, jogging, running; slowly, fast, crouched",
    "direction": "backwards, sideways, at an angle, in a circle",
    "turns": "turns left and right, by 90, 180, 360 degrees, on the spot",
    "arms": "a hand up, both hands up, arms out, pointing, hands on hips",
    "waving and clapping": "waving with the left, the right, both hands; clapping",
    "posture": "sitting down, getting up, kneeling, crouching, bowing, picking up, lying, crawling",
    "jumps and counts": "one jump, two, three; high, far, on one leg",
    "kicks and punches": "kicks and punches with the left or the right; boxing",
    "start and stop": "setting off, stopping, speeding up, slowing down",
    "order": "one thing, then another",
    "while": "two things at once: walking and waving, carrying",
    "still": "standing still, balancing",
}


def blocks(result: dict[str, Any]) -> dict[str, str]:
    """The sentence and the table of an obey report.  Raises InputError for what is none."""
    try:
        skipped = {NEW_WORDS} if result["trained_on_measured"] else {NEW_WORDS, MEASURED_WORDS}
        new, known = result["lists"][NEW_WORDS], [result["lists"][name] for name in LISTS if name not in skipped]
        return {"obey-line": _line(result, new, known), "obey-table": _table(new, known)}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"no obey report ({error!r}); wanted what genmo-eval --obey --out FILE.json wrote") from None


def _line(result: dict[str, Any], new: dict[str, Any], known: Sequence[dict[str, Any]]) -> str:
    prompts = sum(one["total"]["prompts"] for one in known)
    obeyed = sum(one["total"]["obeyed"] for one in known)
    side = new["total"]["side_right"]
    sided = "" if side is None else f" Where it does what was asked, left and right are right in {100 * side:.0f} %."
    return (
        f"Of {new['total']['prompts']} prompts in words that are not in its training it does "
        f"{new['total']['obeyed']} ({100 * new['total']['share']:.0f} %) in three of four motions, of {prompts} in the "
        f"words of its training {obeyed} ({100 * obeyed / prompts:.0f} %).{sided} ({result['steps']} steps, guidance "
        f"{result['guidance']:g}{_one_take(result)}.)"
    )


def _one_take(result: dict[str, Any]) -> str:
    """What the first take alone does, where the report chose among several."""
    one = result.get("one_take")
    if not one:
        return ""
    total = one[NEW_WORDS]["total"]
    alone = f"the first take alone does {total['obeyed']} ({100 * total['share']:.0f} %)"
    return f", the best of {result['takes']} takes; {alone}"


def _table(new: dict[str, Any], known: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| what is asked for | in words of its training | in other words | |",
        "|---|---|---|---|",
    ]
    for group, words in GROUP_WORDS.items():
        found = [one["groups"][group] for one in known if group in one["groups"]]
        trained = _share(found) if found else None
        share = new["groups"][group]["passes"]
        cells = ["" if trained is None else f"{100 * trained:.0f} %", f"{100 * share:.0f} %", verdict(share, trained)]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    lines += ["", "Shares of motions that do it, judged by their joints: [docs/metrics.md]({docs}/metrics.md)."]
    return "\n".join(lines)


def _share(found: Sequence[dict[str, Any]]) -> float:
    """Share of motions that obey of several lists, weighed by their prompts."""
    return float(sum(one["passes"] * one["prompts"] for one in found) / sum(one["prompts"] for one in found))


def verdict(new: float, trained: float | None) -> str:
    """What a user should expect, from the shares of motions that obey in new words and in those of the training."""
    if new >= RELIABLE:
        return "does it"
    if trained is not None and trained >= RELIABLE:
        return "does it when asked in those words"
    if max(new, trained or 0.0) >= SOMETIMES:
        return "sometimes: make several (`--samples 8`) and choose"
    return "does not"


def filled(text: str, found: dict[str, str], docs: str = "docs") -> str:
    """A document with the blocks between its marks; `{docs}` in them is the way to the folder of documents.

    Raises InputError when it has no mark, or one that is not closed.
    """
    count = 0
    for name, block in found.items():
        opened, closed = f"<!-- {name} -->", f"<!-- /{name} -->"
        if (opened in text) != (closed in text):
            raise InputError(f"one of the marks {opened} and {closed} is missing; wanted both or none")
        if opened in text:
            inside = block.replace("{docs}", docs)
            inside = f"\n{inside}\n" if "\n" in inside else inside
            before, rest = text.split(opened, 1)
            text = before + opened + inside + closed + rest.split(closed, 1)[1]
            count += 1
    if not count:
        raise InputError(f"no marks; wanted <!-- {next(iter(found))} --> and its end where the numbers belong")
    return text


def run(arguments: Sequence[str] | None) -> None:
    """Fill documents.  Raises InputError with the line for the user; nothing is written before all can be."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, metavar="obey.json", help="what genmo-eval --obey --out wrote")
    parser.add_argument("documents", type=Path, nargs="+", metavar="FILE.md", help="documents with marks")
    args = parser.parse_args(arguments)
    found = blocks(read_json(args.report, "an obey report"))
    written = {}
    for path in args.documents:
        docs = "docs" if path.resolve().parent.joinpath("docs").is_dir() else _way_to_docs(path)
        try:
            written[path] = filled(read_text(path, "a document"), found, docs)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    for path, text in written.items():
        write_aside(path, text)
        print(path)


def _way_to_docs(path: Path) -> str:
    """From a document's folder to the nearest folder `docs` above it."""
    for steps, folder in enumerate(path.resolve().parents):
        if (folder / "docs").is_dir():
            return "../" * steps + "docs"
    return "docs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
