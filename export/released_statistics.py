"""Mean and spread of the 151 features of released weights, from a file of the user's that is read as data.

The public repositories keep these numbers in a Python file, `stats_compose.py`, in two forms: NVlabs/GENMO's has one
table with all features in a row, GVHMR's and older ones have a table for each feature and data set.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_json, read_text
from genmo.train.network.normalisation import Normalisation

LAYOUT = LAYOUTS["gem"]
WANTED = "wanted the public repository's stats_compose.py (parsed, never run) or .json with mean and std"
FLAT = "MM_V1_AMASS_LOCAL_BEDLAM_CAM"
"""the table of both families' released weights, where all features are in one"""
TABLES = {
    "body_rotations": ("body_pose_r6d", "amass"),
    "betas": ("betas", "amass"),
    "root_orientation_camera": ("global_orient_c_r6d", "bedlam"),
    "gravity_view_orientation": ("global_orient_gv_r6d", "bedlam"),
    "root_velocity": ("local_transl_vel", "amass"),
}
"""block of the layout -> table and data set of which it is composed, where every feature has a table"""
LEAST_SPREAD = 1.0
"""of GEM-SMPL: smaller spreads were taken as 1 in its training"""
MAX_BYTES = 1 << 22

Table = dict[str, Any]


def read_statistics(path: str | Path, family: str = "gem") -> Normalisation:
    """Mean and spread [151] in the layout's units; of family "gem" with spreads of at least 1, as it was trained.

    `.json`: `mean` and `std`, 151 numbers each.  Anything else: Python source of the public repositories, of which
    literals are parsed and nothing is run.  Spreads may be clipped already: clipping again changes nothing.
    Raises InputError, one line, for any other file.
    """
    path = Path(path)
    try:
        if path.suffix == ".json":
            table = read_json(path, WANTED.removeprefix("wanted "), MAX_BYTES)
        else:
            table = _table(_literals(read_text(path, WANTED.removeprefix("wanted "), MAX_BYTES)))
        mean, std = (torch.tensor(np.asarray(table[key], np.float32)) for key in ("mean", "std"))
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path}: not the statistics of a motion ({reason}); {WANTED}") from None
    right = mean.shape == std.shape == (LAYOUT.width,) and bool(mean.isfinite().all() and std.isfinite().all())
    if not right or not bool((std > 0).all()):
        raise InputError(f"{path}: not {LAYOUT.width} finite means and positive spreads; {WANTED}")
    return Normalisation(mean, std.clamp(min=LEAST_SPREAD) if family == "gem" else std)


def _literals(source: str) -> dict[str, Table]:
    """`NAME = {...}` at the top of Python source; everything else in it is passed over, nothing is run."""
    literals = {}
    for node in ast.parse(source).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict() as value)
            ):
                literals[name] = ast.literal_eval(value)
    return literals


def _table(tables: dict[str, Table]) -> Table:
    """The flat table of the released weights, the only flat one, or one composed of the features' own."""
    flat = {name: table for name, table in tables.items() if _is_flat(table)}
    if FLAT in flat:
        return flat[FLAT]
    if len(flat) > 1:
        raise ValueError(f"has {len(flat)} tables of {LAYOUT.width} numbers, none of them {FLAT}")
    return next(iter(flat.values())) if flat else _composed(tables)


def _is_flat(table: Table) -> bool:
    return all(isinstance(table.get(key), list) and len(table[key]) == LAYOUT.width for key in ("mean", "std"))


def _composed(tables: dict[str, Table]) -> Table:
    """The blocks of the layout in a row, each checked for its width."""
    composed: dict[str, list[float]] = {"mean": [], "std": []}
    for block, width in LAYOUT.blocks:
        table, data = TABLES[block]
        for key, row in composed.items():
            numbers = tables[table][data][key]
            if len(numbers) != width:
                raise ValueError(f"{table} has {len(numbers)} numbers, not {width}")
            row += numbers
    return composed
