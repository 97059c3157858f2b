"""How generation samples come by their captions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaptionConfig:
    """Captions from measurement (`genmo.train.captions`); only motions that are true in the world are measured."""

    measured: float = 0.5
    """share of the generation samples captioned by a measured sentence alone"""
    beside: float = 0.15
    """share captioned by the set's own caption with a measured clause; the rest have the set's caption alone"""
    balanced: float = 0.6
    """share of the generation samples drawn by what their frames do, so that rare things are learned too; 80 % of these
    have a measured sentence, 20 % the set's caption"""
    joined: float = 0.15
    """share of the generation samples made of two clips, one after the other, where their poses fit"""
    written: float = 0.0
    """share of the windows of one clip that are captioned by a written sentence that asks for what they do
    (`genmo.train.captions.sentences`), where there is one, before the others are drawn"""
