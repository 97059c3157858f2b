"""Data sets as their owners ship them -> genmo's clip format (`genmo.train.datasets.store`).

genmo-prepare KIND SOURCE --out DIR [options of the kind]
genmo-prepare check DIR
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.datasets import aist, amass, bedlam, bvh, emdb, human36m, humanml3d, motionx, rich, threedpw
from genmo.train.datasets.bodies import DEFAULT, Bodies, floor_height
from genmo.train.datasets.caption_report import CaptionReport
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.features import with_features
from genmo.train.datasets.read import read_clips
from genmo.train.datasets.store import FEATURES, read_store, write_store

PROGRAM = "genmo-prepare"
CHECK = "check"
CAPTIONS = "measured_captions.tsv"
THIRTY_LICENCE = "the set's own: LICENSE.txt beside its index.json"
HIGH_FLOOR = 0.15
"""metres; a floor farther from y = 0 is worth a word, for simulated cameras stand on that floor"""


@dataclass(frozen=True)
class PrepareOptions:
    """What `genmo-prepare` was asked to do; what a kind does not take has its default."""

    kind: str
    """a key of KINDS, or CHECK"""
    source: Path
    out: Path = Path()
    video_features: Path | None = None
    music: Path | None = None
    body: str = ""
    amass: Path = Path()
    skip_missing: bool = False
    names: Path | None = None
    scale: float | None = None
    up: str | None = None
    rest_frame: int | None = None
    floor: bool = False
    measure_captions: bool = False


def _thirty(options: PrepareOptions) -> Iterable[Clip]:
    for clip in read_clips(options.source):
        # the format puts the set's name before clip and subject when it is read
        yield replace(clip, name=clip.name.split("/", 1)[1], subject=clip.subject.split("/", 1)[1])


def _bvh(options: PrepareOptions) -> Iterable[Clip]:
    return bvh.read_folder(
        options.source,
        names=bvh.read_names(options.names),
        scale=options.scale,
        up=options.up,
        rest_frame=options.rest_frame,
        floor=options.floor,
    )


def _humanml3d(options: PrepareOptions) -> Iterable[Clip]:
    return humanml3d.read_folder(options.source, options.amass, Bodies(options.body), skip_missing=options.skip_missing)


def _with_body(read: Callable[[Path, Bodies], Iterable[Clip]]) -> Callable[[PrepareOptions], Iterable[Clip]]:
    return lambda options: read(options.source, Bodies(options.body))


# kind -> reader, licence, what SOURCE is, whether SMPL bodies are needed
KINDS: dict[str, tuple[Callable[[PrepareOptions], Iterable[Clip]], str, str, bool]] = {
    "thirty": (_thirty, THIRTY_LICENCE, "a *30 motion set (index.json and .npz)", False),
    "bvh": (_bvh, bvh.LICENCE, "a folder of .bvh files, with captions in .txt files of the same name", False),
    "amass": (_with_body(amass.read_folder), amass.LICENCE, "AMASS: DATASET/SUBJECT/NAME_poses.npz", True),
    "humanml3d": (_humanml3d, humanml3d.LICENCE, "HumanML3D: index.csv and texts/", True),
    "aist": (_with_body(aist.read_folder), aist.LICENCE, "AIST++: motions/*.pkl", True),
    "3dpw": (_with_body(threedpw.read_folder), threedpw.LICENCE, "3DPW: sequenceFiles/*/*.pkl", True),
    "emdb": (_with_body(emdb.read_folder), emdb.LICENCE, "EMDB: P*/*/*_data.pkl", True),
    "bedlam": (_with_body(bedlam.read_folder), bedlam.LICENCE, "BEDLAM: images/SCENE/be_seq.csv, smplx_gt/", True),
    "human36m": (
        lambda options: human36m.read_folder(options.source),
        human36m.LICENCE,
        "Human3.6M: S*/MyPoseFeatures/D3_Angles/*.cdf and D3_Positions/",
        False,
    ),
    "rich": (_with_body(rich.read_folder), rich.LICENCE, "RICH: bodies/SPLIT/SEQUENCE/, multicam2world/", True),
    "motionx": (_with_body(motionx.read_folder), motionx.LICENCE, "Motion-X: motion/ and texts/", True),
}


class _Counted:
    """Clips on their way to disk, counted, with a progress line on a terminal."""

    def __init__(self, clips: Iterable[Clip], kind: str) -> None:
        self.clips, self.kind = clips, kind
        self.frames = self.captioned = 0
        self.featured = {name: 0 for name in FEATURES}
        self.floors: list[tuple[float, str]] = []

    def __iter__(self) -> Iterator[Clip]:
        from tqdm import tqdm

        for clip in tqdm(self.clips, desc=f"prepare {self.kind}", unit="clip", disable=not sys.stderr.isatty()):
            self.frames += clip.frames
            self.captioned += bool(clip.captions)
            for name in FEATURES:
                self.featured[name] += getattr(clip, name, None) is not None
            self.floors.append((abs(floor_height(clip.rotations, clip.translation, clip.offsets)), clip.name))
            yield clip

    def summary(self, count: int, out: Path) -> str:
        minutes = self.frames / FPS / 60
        featured = "".join(f", {number} with {name}" for name, number in self.featured.items() if number)
        lines = [f"{out}: {count} clips, {minutes:.1f} minutes, {self.captioned} with captions{featured}"]
        high = [floor for floor in self.floors if floor[0] > HIGH_FLOOR]
        if high:
            height, name = max(high)
            lines.append(
                f"{len(high)} clips stand more than {HIGH_FLOOR} m off y = 0, most of all {name}: {height:.2f} m"
            )
        return "\n".join(lines)


def _parser() -> OneLineParser:
    parser = OneLineParser(prog=PROGRAM, description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, (_, _, source, smpl) in KINDS.items():
        options = kinds.add_parser(kind, help=source)
        options.add_argument("source", type=Path, help=source)
        options.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder to write")
        text = "features of the clips' videos: <clip name>.npy [frames, width] at 30 fps"
        options.add_argument("--video-features", type=Path, metavar="DIR", help=text)
        text = "the clips' music: sound files, or features as .npy, named like the clip (aist: or like its track)"
        options.add_argument("--music", type=Path, metavar="DIR", help=text)
        text = f"write {CAPTIONS}, sentences of what every two seconds do with their numbers; caption clips without any"
        options.add_argument("--measure-captions", action="store_true", help=text)
        if smpl:
            text = f"SMPL, SMPL-H or SMPL-X file, a folder with one for each gender, or {DEFAULT} (a mean skeleton)"
            options.add_argument("--body", required=True, metavar="FILE", help=text)
        if kind == "humanml3d":
            options.add_argument("--amass", type=Path, required=True, metavar="DIR", help="the folder of AMASS")
            options.add_argument("--skip-missing", action="store_true", help="pass over motions that AMASS lacks here")
        if kind == "bvh":
            options.add_argument("--names", type=Path, metavar="FILE.json", help="SMPL joint -> joint of the files")
            options.add_argument("--scale", type=float, metavar="M", help="metres of the files' unit (default: found)")
            options.add_argument("--up", choices=("y", "z"), help="vertical axis (default: found)")
            options.add_argument("--rest-frame", type=int, metavar="N", help="a frame in T-pose (default: all zero)")
            options.add_argument("--floor", action="store_true", help="set every clip on y = 0")
    check = kinds.add_parser(CHECK, help="compare a prepared folder with its checksums")
    check.add_argument("source", type=Path, metavar="DIR", help="a folder that this command wrote")
    return parser


def read_options(arguments: Sequence[str] | None) -> PrepareOptions:
    """The options of the command line."""
    return PrepareOptions(**vars(_parser().parse_args(arguments)))


def run(options: PrepareOptions) -> None:
    """Prepare or check a folder.  Raises GenmoError with the line for the user."""
    if options.kind == CHECK:
        print(f"{options.source}: {len(read_store(options.source))} clips, all checksums right")
        return
    read, licence, source, _ = KINDS[options.kind]
    if not options.source.is_dir():
        raise InputError(f"{options.source}: no such folder; wanted {source}")
    found, report = with_features(read(options), options.video_features, options.music), CaptionReport()
    clips = _Counted(map(report.add, found) if options.measure_captions else found, options.kind)
    count = write_store(clips, options.out, kind=options.kind, licence=licence)
    print(clips.summary(count, options.out))
    if options.measure_captions:
        write_aside(options.out / CAPTIONS, report.text())
        print(f"{options.out / CAPTIONS}: {report.windows} windows, {report.said} with a sentence")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="train")


if __name__ == "__main__":
    sys.exit(main())
