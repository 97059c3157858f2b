"""The page of libgenmo's targets: noise by the bit, joints against their limits, names that a library offers."""

import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def targets():
    """The script, which finds its neighbours beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("native_targets", FOLDER / "native_targets.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "native_targets", module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def made(targets):
    random = np.random.default_rng(0)
    joints = random.standard_normal((5, 24, 3))
    return [
        targets.Case("noise", "", random.standard_normal(9).astype(np.float32)),
        targets.Case("texts", "", joints),
        targets.Case("texts", "", joints[:2]),
    ]


def written(made):
    return np.concatenate([case.expected.astype(np.float32).ravel() for case in made])


def test_the_same_motions_are_within_the_limits(targets, made):
    cells, sound = targets.compared(written(made), made, "fp32")
    assert sound and cells[0] == "every bit" and float(cells[1].split(",")[1]) < 1e-3  # rounding to float32


def test_one_bit_of_noise_or_a_joint_too_far_or_a_number_too_few_is_found(targets, made):
    values = written(made)
    bit, joint = values.copy(), values.copy()
    bit[3] = np.nextafter(bit[3], np.float32(np.inf))
    cells, sound = targets.compared(bit, made, "fp32")
    assert cells[0] == "1 of 9 differ" and not sound
    joint[20] += 1e-4
    assert not targets.compared(joint, made, "fp32")[1]
    assert targets.compared(joint, made, "fast")[1]
    assert not targets.compared(np.append(values, np.float32(0)), made, "fp32")[1]


def test_names_of_a_mach_o_are_those_that_it_defines_for_others(targets):
    names = {b"_genmo_open": 0x0F, b"_hidden": 0x1F, b"_local": 0x0E, b"_malloc": 0x01}
    strings, entries = b"\0", b""
    for name, flags in names.items():
        entries += struct.pack("<IBBHQ", len(strings), flags, 1, 0, 0)
        strings += name + b"\0"
    head = struct.pack("<8I", 0xFEEDFACF, 0, 0, 6, 1, 24, 0, 0)
    symbols = len(head) + 24
    table = struct.pack("<6I", 2, 24, symbols, len(names), symbols + len(entries), len(strings))
    assert targets.mach_exports(head + table + entries + strings) == ["_genmo_open"]
