"""Motions on the user's own characters: read a character, retarget a motion to it, save what comes out."""

from genmo.runtime.retarget.character import Character, read_character
from genmo.runtime.retarget.retargeting import Performance, retarget
from genmo.runtime.retarget.write import save_performance

__all__ = ["Character", "Performance", "read_character", "retarget", "save_performance"]
