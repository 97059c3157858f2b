"""Configs that ride with checkpoints and engines: frozen dataclasses of numbers and names, JSON both ways."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.safe_read import quoted

_KINDS: dict[str, tuple[type, str]] = {
    "int": (int, "whole numbers"),
    "str": (str, "texts"),
    "bool": (bool, "true or false"),
}


@dataclass(frozen=True)
class StoredConfig:
    """What such configs share.  Their fields are int, str or bool; a subclass checks the values."""

    TITLE: ClassVar[str] = "config"
    """what errors call it"""

    def __post_init__(self) -> None:
        for kind, (python_type, words) in _KINDS.items():
            wrong = [f.name for f in fields(self) if f.type == kind and type(getattr(self, f.name)) is not python_type]
            if wrong:
                raise EngineError(f"{self.TITLE}: {', '.join(wrong)} must be {words}")

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Raises EngineError for names that this version does not know."""
        if not isinstance(stored, dict):
            raise EngineError(f"{cls.TITLE} is {quoted(stored)}; wanted a table of names and numbers")
        unknown = sorted(set(stored) - {f.name for f in fields(cls)})
        if unknown:
            raise EngineError(
                f"{cls.TITLE} has unknown entries {quoted(unknown)}; it was made by another version of genmo"
            )
        return cls(**stored)
