"""The obey report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

QUALITY = (
    "false flights a motion", "fastest joint m/s, mean / p95", "acceleration p99 m/s^2", "floor m, mean / worst",
)  # fmt: skip


def _quality(found: dict[str, float]) -> list[str]:
    return [
        f"{found['false_flights']:.2f}",
        f"{found['top_speed']:.1f} / {found['fastest']:.1f}",
        f"{found['acceleration']:.0f}",
        f"{found['floor']:.3f} / {found['worst_floor']:.2f}",
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(*head), "|" + "---|" * len(head), *(_row(*row) for row in rows)]


def _obeyed(found: dict[str, Any]) -> list[str]:
    obeyed = f"{found['obeyed']} of {found['prompts']}"
    side = f"{_percent(found['side_right'])} of {found['side_motions']}" if found["side_motions"] else ""
    return [obeyed, _percent(found["share"]), _percent(found["passes"]), side]


def markdown(result: dict[str, Any]) -> str:
    """The report: totals, groups, and each prompt with what its seeds did."""
    lists = result["lists"]
    head = ["list", "prompts obeyed", "share", "motions that obey", "side right where obeyed", *QUALITY]
    rows = [[name, *_obeyed(found["total"]), *_quality(found["total"]["quality"])] for name, found in lists.items()]
    rows += [
        [f"{name}, one take", *_obeyed(one["total"]), *_quality(one["total"]["quality"])]
        for name, one in result["one_take"].items()
    ]
    if result["real_quality"]:
        rows.append(["real motion", "", "", "", "", "", *_quality(result["real_quality"])[1:]])
    lines = [
        f"Obey report: {result['seeds']} seeds a prompt, {result['steps']} steps, guidance {result['guidance']:g}. A "
        "prompt is obeyed when three quarters of its seeds do what an animator would ask of the words: predicates on "
        "the joints, `train/evaluation/obey_prompts.py`.",
        *_takes(result),
        "",
        *_table(head, rows),
    ]
    for name, found in lists.items():
        groups = [[group, *_obeyed(summary)] for group, summary in found["groups"].items()]
        head = ["group", "prompts obeyed", "share", "motions that obey", "side right where obeyed"]
        lines += ["", f"By group, {name}:", "", *_table(head, groups)]
    lines += sweep_lines(result.get("sweep", ()))
    for name, prompts in result["prompts"].items():
        lines += ["", f"Prompts, {name}; measured: the median over the seeds, sides as the prompt has them.", ""]
        lines += _table(["prompt", "obeys", "wanted (measured)"], [_prompt_row(row) for row in prompts])
    return "\n".join(lines)


def _takes(result: dict[str, Any]) -> list[str]:
    """How many takes were made of a motion and how long that took, beside one."""
    if not result["one_take"]:
        return []
    several, one = (
        sum(found["total"]["seconds"] * found["total"]["prompts"] for found in lists.values())
        / sum(found["total"]["prompts"] for found in lists.values())
        for lists in (result["lists"], result["one_take"])
    )
    return [
        "",
        f"The best of {result['takes']} takes by what the text says, as users get it; below, the first take alone. "
        f"Seconds a motion: {several:.1f}, and {one:.1f}.",
    ]


def _prompt_row(row: dict[str, Any]) -> list[str]:
    wanted = []
    for condition in row["measured"][0]:
        found = sorted(one[condition] for one in row["measured"])
        wanted.append(f"{condition} ({found[len(found) // 2]:g})")
    side = f", {row['wrong_side']} on the other side" if row["wrong_side"] else ""
    return [row["prompt"], f"{row['passes']} of {row['seeds']}{side}", "; ".join(wanted)]


def sweep_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table over guidance and steps; nothing without rows."""
    if not rows:
        return []
    head = ["guidance", "steps"]
    for name in rows[0]["lists"]:
        head += [f"{name}: obeyed", "motions"]
    head += ["side right", *QUALITY]
    cells = []
    for row in rows:
        left_out = next(iter(row["lists"].values()))
        shares = [
            text for found in row["lists"].values() for text in (_percent(found["share"]), _percent(found["passes"]))
        ]
        cells.append([f"{row['guidance']:g}", str(row["steps"]), *shares, _percent(left_out["side_right"])])
        cells[-1] += _quality(left_out["quality"])
    count = ", ".join(f"{found['prompts']} {name}" for name, found in rows[0]["lists"].items())
    return ["", f"Guidance and steps ({count}; quality and sides of the first list):", "", *_table(head, cells)]
