"""Names of tags and of steps of measures (`speed>0.4`), and what texts say in them."""

from __future__ import annotations

from dataclasses import dataclass

from genmo.runtime.support.arrays import Array


@dataclass(frozen=True, eq=False)
class Said:
    """What a text says of frames [start, end)."""

    start: int
    end: int
    traits: tuple[str, ...]
    weights: Array
    """[traits] how much it speaks for a motion to have the trait"""


def mirrored_tag(tag: str) -> str:
    """The tag of the motion seen in a mirror."""
    return "_".join({"left": "right", "right": "left"}.get(part, part) for part in tag.split("_"))


def mirrored_trait(name: str) -> str:
    """The trait, a tag or a step (`turn_left>85`), of the motion seen in a mirror."""
    measure, over, step = name.partition(">")
    return mirrored_tag(measure) + over + step
