"""Clips of any data set folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from genmo.runtime.support.errors import InputError, first_line
from genmo.train.datasets.clips import Clip, read_set


def read_clips(folder: str | Path) -> Iterator[Clip]:
    """Clips of one folder: what `genmo-prepare` wrote, a `*30` set (`index.json` beside the `.npz` files it names), or
    a folder of `.bvh` files (set on the floor; other choices are `genmo-prepare bvh`'s).

    Raises InputError when the folder is none of these.
    """
    from genmo.train.datasets.store import is_store, read_store  # its recordings are clips with more to them

    folder = Path(folder)
    if is_store(folder):
        yield from read_store(folder)
        return
    index = folder / "index.json"
    if not index.is_file() and any(path.suffix.lower() == ".bvh" for path in folder.rglob("*")):
        from genmo.train.datasets.bvh import read_folder

        for clip in read_folder(folder, floor=True):
            yield replace(clip, name=f"{folder.name}/{clip.name}", subject=f"{folder.name}/{clip.subject}")
        return
    if not index.is_file():
        raise InputError(
            f"{folder}: no index.json; wanted a motion set: one that genmo-prepare wrote, a *30 set, or .bvh files"
        )
    try:
        yield from read_set(folder, index)
    except (KeyError, TypeError, ValueError, OverflowError, InputError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else first_line(error)
        raise InputError(f"{folder}: not a *30 motion set ({reason}); wanted index.json and its .npz files") from None
