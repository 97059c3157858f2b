"""HumanML3D (Guo et al. 2022): texts and an index over AMASS.

A folder with `index.csv` (source_path, start_frame, end_frame, new_name) and `texts/NAME.txt`, lines
`caption#tokens#from#to` in seconds (0 and 0: the whole motion).  Frames of the index count at the 20 fps to which
HumanML3D thins AMASS out: every int(fps / 20)-th frame.  Motions come from AMASS itself, at 30 fps and whole.
`M` files are mirror images; training mirrors by itself, so only their unmirrored originals are read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_text
from genmo.train.datasets import amass
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.store import Recording

LICENCE = amass.LICENCE + "; HumanML3D texts: MIT"
RATE = 20
"""frames a second of HumanML3D"""
_COLUMNS = ("source_path", "start_frame", "end_frame", "new_name")
# seconds that HumanML3D takes off the start of every motion of a data set
_LEAD = {"Eyes_Japan_Dataset": 3.0, "MPI_HDM05": 3.0, "TotalCapture": 1.0, "MPI_Limits": 1.0, "Transitions_mocap": 0.5}
# names in the index -> names of the same data set in later AMASS releases
_RENAMED = {
    "BioMotionLab_NTroje": ("BMLrub",), "MPI_HDM05": ("HDM05",), "MPI_Limits": ("PosePrior",),
    "Eyes_Japan_Dataset": ("EyesJapanDataset",), "SSM_synced": ("SSM",), "Transitions_mocap": ("Transitions",),
    "DFaust_67": ("DFaust",), "MPI_mosh": ("MoSh",), "TCD_handMocap": ("TCDHands",), "BMLhandball": ("BMLhandball",),
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A row of the index."""

    source: PurePosixPath
    start: int
    stop: int
    name: str


@dataclass(frozen=True)
class Line:
    """A caption and the seconds it is about; `stop` 0: all."""

    caption: str
    tokens: str
    """words with their parts of speech, `a/DET man/NOUN walk/VERB`: published evaluators read them"""
    start: float
    stop: float


def read_index(path: Path) -> list[Entry]:
    """Rows of `index.csv`.  Raises InputError with the line that is wrong."""
    try:
        rows = list(csv.DictReader(read_text(path, "HumanML3D's index.csv").splitlines()))
    except csv.Error as error:
        raise InputError(f"{path}: not read ({error}); wanted HumanML3D's index.csv") from None
    if not rows or any(column not in rows[0] for column in _COLUMNS):
        raise InputError(f"{path}: wanted HumanML3D's index.csv with the columns {', '.join(_COLUMNS)}")
    entries = []
    for number, row in enumerate(rows, start=2):
        try:
            start, stop = (int(float(row[column])) for column in ("start_frame", "end_frame"))
        except (TypeError, ValueError):
            raise InputError(f"{path}, line {number}: start_frame and end_frame are no numbers") from None
        entries.append(Entry(PurePosixPath(row["source_path"]), start, stop, PurePosixPath(row["new_name"]).stem))
    return entries


def read_texts(path: Path) -> list[Line]:
    """Captions of one motion.  Raises InputError with the line that is wrong."""
    expected = "wanted lines caption#tokens#from#to"
    lines = read_text(path, expected.removeprefix("wanted ")).splitlines()
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        columns = line.strip().split("#")
        try:
            caption, tokens, start, stop = columns
            # the published files have a few "nan" for 0
            seconds = [0.0 if word == "nan" else float(word) for word in (start, stop)]
        except ValueError:
            raise InputError(f"{path}, line {number}: {line.strip()[:60]!r}; {expected}") from None
        entries.append(Line(caption.strip(), tokens.strip(), *seconds))
    return entries


def source_file(amass_folder: Path, source: PurePosixPath) -> Path:
    """The AMASS file that a row of the index means, under any release's names.

    Raises InputError that says where it was looked for.
    """
    folders = [folder for folder in source.parts if folder not in (".", "pose_data")]
    stem = PurePosixPath(folders[-1]).stem
    stems = [stem, stem.removesuffix("_poses") + "_stageii"]
    stems += [name.replace(" ", "_") for name in stems if " " in name]
    sets = (folders[0], *_RENAMED.get(folders[0], ()))
    middles = {tuple(folders[1:-1]), tuple(folder.replace(" ", "_") for folder in folders[1:-1])}
    tried = [amass_folder.joinpath(s, *m, f"{name}.npz") for s in sets for m in sorted(middles) for name in stems]
    for path in tried:
        if path.is_file():
            return path
    raise InputError(f"{tried[0]}: not there (nor {tried[1].name}); wanted the AMASS motion that index.csv names")


def read_folder(
    folder: str | Path, amass_folder: str | Path, bodies: Bodies, *, skip_missing: bool = False
) -> Iterator[Recording]:
    """Every motion of the index that comes from AMASS, with its captions, and a clip a captioned stretch.

    Motions of HumanAct12 have joint positions only and are passed over.  `skip_missing` passes over motions whose
    AMASS file is not there (a part of AMASS is enough then).  Raises InputError that names file and line.
    """
    folder, amass_folder = Path(folder), Path(amass_folder)
    splits = _splits(folder)
    for entry in read_index(folder / "index.csv"):
        if "humanact12" in entry.source.parts:
            continue
        try:
            path = source_file(amass_folder, entry.source)
        except InputError:
            if skip_missing:
                continue
            raise
        motion = amass.read_motion(path)
        if motion is None:
            raise InputError(f"{path}: has no poses; wanted the AMASS motion that index.csv names")
        yield from _clips(entry, motion, read_texts(folder / "texts" / f"{entry.name}.txt"), bodies, splits)


def _clips(
    entry: Entry, motion: amass.Motion, lines: list[Line], bodies: Bodies, splits: dict[str, str]
) -> Iterator[Recording]:
    """One clip for the captions of the whole, and one for each stretch that has its own."""
    step = max(int(motion.fps / RATE), 1)  # frames of the file for one of HumanML3D's
    lead = next((seconds for name, seconds in _LEAD.items() if name in entry.source.parts), 0.0)
    first = entry.start + int(lead * RATE)
    last = min(entry.stop + int(lead * RATE), -(-len(motion.poses) // step))
    spans: dict[tuple[int, int], dict[str, str]] = {}
    for line in lines:
        whole = line.start == 0 and line.stop == 0
        span = (first, last) if whole else (first + int(line.start * RATE), min(first + int(line.stop * RATE), last))
        spans.setdefault(span, {}).setdefault(line.caption, line.tokens)
    for number, ((start, stop), captions) in enumerate(spans.items()):
        if stop - start < 2:
            continue
        clip = motion.clip(bodies, start * step, min(stop * step, len(motion.poses)))
        yield Recording(
            name=entry.name if (start, stop) == (first, last) else f"{entry.name}-{number}",
            subject="/".join(folder for folder in entry.source.parts[:-1] if folder not in (".", "pose_data")),
            captions=tuple(captions),
            extra={"tokens": list(captions.values())} | ({"split": splits[entry.name]} if entry.name in splits else {}),
            **clip,
        )


def _splits(folder: Path) -> dict[str, str]:
    """Motion -> "train", "val" or "test", from the lists that are there."""
    split_of: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = folder / f"{split}.txt"
        if path.is_file():
            split_of |= {
                name.strip(): split for name in read_text(path, "names of motions").splitlines() if name.strip()
            }
    return split_of
