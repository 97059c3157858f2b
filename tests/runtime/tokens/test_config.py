"""A config of tokens takes what a network can be made of, and says what is wrong with the rest."""

import pytest

from genmo.runtime.support.errors import EngineError
from genmo.runtime.tokens.config import TokenConfig, token_count


def test_json_both_ways():
    config = TokenConfig(codes=100, context="motion")
    assert TokenConfig.from_json(config.to_json()) == config
    assert {config.mask_id, config.end_id, config.pad_id} == {100, 101, 102}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"codes": 1}, "codes is 1; wanted 2 to"),
        ({"codes": 10**9}, "wanted 2 to 65536"),
        ({"width": "wide"}, "width must be whole numbers"),
        ({"width": 30, "heads": 4}, "wanted a multiple of 8"),
        ({"expert_width": 10, "experts": 4}, "expert_width is 10; wanted a multiple of 4"),
        ({"gate": "sometimes"}, "gate is .*sometimes.*; wanted one of static, dynamic"),
        ({"depth": 3}, "unknown entries .*depth"),
        ([1], "wanted a table"),
    ],
)
def test_bad_numbers_are_named(stored, said):
    with pytest.raises(EngineError, match=said):
        TokenConfig.from_json(stored)


def test_a_begun_token_is_a_token():
    assert [token_count(frames) for frames in (1, 4, 5, 120)] == [1, 1, 2, 30]
