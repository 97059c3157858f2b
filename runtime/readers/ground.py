"""Ground that is not flat, from files: planes in .yaml, a grid of heights in .npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genmo.runtime.motion.ground import HeightGrid, Heights, Plane, Planes
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, numbers, read_npz

WANTED = "a ground: planes in .yaml, or heights, origin and spacing in .npz"
MOST_PLANES = 1000
_KEYS = ("height", "x", "z", "rise_x", "rise_z")
_NPZ = {"heights": 2, "origin": 1, "spacing": 0}


def read_ground(path: str | Path) -> Heights:
    """The ground in a file.

    .yaml: a list of planes, of which the last one at a place counts: `height` (metres, at its corner of least x and z),
    `x` and `z` ([from, to], metres; without them everywhere), `rise_x` and `rise_z` (metres a metre).  .npz: `heights`
    [nx, nz] metres, `origin` [2] (x and z of the first) and `spacing` (metres).
    Raises InputError for anything else.
    """
    if Path(path).suffix.lower() == ".npz":
        return _grid(path)
    from genmo.runtime.support.safe_yaml import read_yaml  # so that the rest is content with numpy

    document = read_yaml(path, WANTED)
    if not isinstance(document, list) or not 0 < len(document) <= MOST_PLANES:
        raise InputError(f"{path}: no list of planes; wanted 1 to {MOST_PLANES}, each after a dash")
    try:
        return Planes([_plane(entry) for entry in document])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _plane(entry: object) -> Plane:
    if not isinstance(entry, Mapping):
        raise InputError(f"a plane is {str(entry)[:40]!r}; wanted entries {', '.join(_KEYS)}")
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"unknown entry {str(key)[:40]!r} of a plane; wanted {', '.join(_KEYS)}")
    height, rise_x, rise_z = (_number(name, entry.get(name, 0.0)) for name in ("height", "rise_x", "rise_z"))
    if not max(abs(height), abs(rise_x), abs(rise_z)) < LARGEST:  # NaN is not
        raise InputError(f"a plane of {height:g} m that rises by {rise_x:g} and {rise_z:g}; wanted finite metres")
    everywhere = [-np.inf, np.inf]
    x, z = (_span(name, entry.get(name, everywhere)) for name in ("x", "z"))
    return Plane(height, x, z, rise_x, rise_z)


def _span(name: str, value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{name} of a plane is {str(value)[:40]!r}; wanted [from, to] in metres")
    return _number(name, value[0]), _number(name, value[1])


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} of a plane is {str(value)[:40]!r}; wanted a number")
    return float(value)


def _grid(path: str | Path) -> HeightGrid:
    stored, arrays = read_npz(path, WANTED), {}
    for name, axes in _NPZ.items():
        if name not in stored or np.ndim(stored[name]) != axes:
            raise InputError(f"{path}: {name} is missing or has not {axes} axes; wanted {WANTED}")
        arrays[name] = numbers(stored[name], f"{path}: {name}")
    if arrays["origin"].shape != (2,):
        raise InputError(f"{path}: origin is {list(arrays['origin'].shape)}; wanted x and z, [2]")
    x, z = (float(value) for value in arrays["origin"])
    try:
        return HeightGrid(arrays["heights"], (x, z), float(arrays["spacing"]))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
