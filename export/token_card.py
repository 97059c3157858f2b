"""MODEL_CARD.md of an engine of motion tokens, made of `engine.json`'s entries alone."""

from __future__ import annotations

from typing import Any

from genmo.export.model_card import data_section, limits_section, one_line, takes_rows
from genmo.runtime.motion.motion import FPS
from genmo.runtime.tokens.config import FRAMES_A_TOKEN, TokenConfig


def token_card(described: dict[str, Any]) -> str:
    """The model card: what the engine is, from what, for what, and how true it is to its model."""
    sections = [_what(described), _inputs(described), data_section(described), _before(described), _parity(described)]
    sections += [limits_section(described), ["## Licence", "", one_line(described["licence"])]]
    return "\n".join("\n".join([*section, ""]) for section in sections if section).rstrip() + "\n"


def _what(described: dict[str, Any]) -> list[str]:
    config, encoder = TokenConfig.from_json(described["model"]), described["text_encoder"]
    texts = "none" if encoder is None else one_line(encoder["about"])
    return [
        f"# A genmo engine: motion tokens, {described['precision']}",
        "",
        "A masked transformer over motion tokens (GenM3) as ONNX graphs: it completes and edits motions around given "
        "frames, and makes motion of texts. It estimates nothing.",
        "",
        "| | |",
        "|---|---|",
        f"| a token | {FRAMES_A_TOKEN} frames; {config.codes} codes for each of: {', '.join(config.part_names)} |",
        f"| network | {config.plain_layers} layers and {config.path_layers} with pathways of {config.experts} experts, "
        f"{config.width} channels, {config.heads} heads, windows of {described['longest']} tokens |",
        f"| motion | {FPS:g} frames a second, y up, metres |",
        f"| text encoder | {texts} |",
        *takes_rows(described),
        f"| weights stored in | {described['precision']} (`docs/tokens.md`); computed in float32 |",
        f"| made by | genmo {described['provenance']['versions']['genmo']} |",
    ]


def _inputs(described: dict[str, Any]) -> list[str]:
    lines = ["## Inputs and outputs", "", "| graph | | tensor | axes | type |", "|---|---|---|---|---|"]
    for name, sides in described["signature"].items():
        for side, specs in zip(("input", "output"), sides, strict=True):
            for spec in specs:
                axes = ", ".join(str(axis) for axis in spec["axes"])
                lines.append(f"| {name} | {side} | `{spec['name']}` | {axes} | {spec['dtype']} |")
    return lines


def _before(described: dict[str, Any]) -> list[str]:
    """The runs that this one began from, the latest first."""
    lines, run = [], described["provenance"].get("before", {})
    while run:
        lines.append(f"Before that: {run['step']} steps of stage {run['train']['stage']}.")
        run = run.get("before", {})
    return lines


def _parity(described: dict[str, Any]) -> list[str]:
    parity = described["parity"]
    (row,) = parity["rows"]
    return [
        "## Is it the model that was trained?",
        "",
        f"Against the fp32 PyTorch model, on {parity['on']}; gate: mean {parity['gate_mm']['mean']} mm.",
        "",
        "| equal ids | mean, mm | largest, mm | mean of a logit | likeliest code the same |",
        "|---|---|---|---|---|",
        f"| {100 * row['same_ids']:.1f} % | {row['mean_mm']:.3g} | {row['max_mm']:.3g} | {row['mean_logits']:.3g} | "
        f"{100 * row['same_likeliest']:.1f} % |",
    ]
