"""What configs that ride with checkpoints and engines share: checked types, no unknown names, JSON both ways."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.stored_config import StoredConfig


@dataclass(frozen=True)
class Settings(StoredConfig):
    TITLE: ClassVar[str] = "settings"

    width: "int" = 3
    name: "str" = "a"
    on: "bool" = False


def test_it_comes_back_from_json():
    assert Settings.from_json(Settings(5, "b", True).to_json()) == Settings(5, "b", True)
    assert Settings.from_json({}) == Settings()


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"width": 2.0}, "settings: width must be whole numbers"),
        ({"width": True}, "settings: width must be whole numbers"),
        ({"name": 1}, "settings: name must be texts"),
        ({"on": 1}, "settings: on must be true or false"),
        ({"depth": 1}, "settings has unknown entries"),
        ([], "settings is .*; wanted a table"),
    ],
)
def test_what_does_not_fit_is_named(stored, words):
    with pytest.raises(EngineError, match=words):
        Settings.from_json(stored)
