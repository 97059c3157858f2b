"""What a library of clips costs and what its clips are: the example's 24 clips and 36 transitions, or another's.

    python benchmarks/clips.py --library DIR --out benchmarks/results/clips.md

DIR is made here by `genmo-clips` (with --each .npz, for the programs that play it), on one thread.  The table is of its
manifest: speed, direction and turn as measured over as asked, slide of feet on the ground, the largest acceleration of
a joint, the largest change of a joint's velocity near a loop's seam over the 99th percentile elsewhere.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import report

PACKAGES = ("numpy", "onnxruntime")
COMMAND = (sys.executable, "-m", "genmo.runtime.cli.clips")


def made(spec: str | None, library: Path) -> tuple[float, float]:
    """Make the library; seconds that it took, and those of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        if spec is None:
            spec = str(Path(folder) / "example.yaml")
            example = subprocess.run([*COMMAND, "--example"], check=True, capture_output=True, text=True)
            Path(spec).write_text(example.stdout)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        asked = [spec, "--out", str(library), "--each", ".npz", "--threads", "1"]
        subprocess.run([*COMMAND, *asked], check=True, stdout=subprocess.DEVNULL)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, processor


def row(clip: dict[str, Any]) -> str:
    """A clip's row of the table."""
    asked, found = clip["asked"], clip["measured"]
    seam = "" if found["seam"] is None else f"{found['seam']:.2f}"
    cells = [clip["name"], clip["kind"], f"{clip['frames']}"]
    for name, digits in (("speed", 2), ("direction", 0), ("turn", 0)):
        value = "" if found[name] is None else f"{found[name] + 0.0:.{digits}f}"
        cells.append(f"{value} / {asked[name]:.{digits}f}" if asked.get(name) and value else value)
    cells += [f"{found['slide']:.0f}", f"{found['sharpness']:.0f}", f"{100 * found['rise']:.0f}", seam]
    return f"| {' | '.join([*cells, '; '.join(clip['misses'])])} |"


def main() -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Measure a library of clips.")
    options.add_argument("--spec", metavar="F.yaml", help="specification (default: the example)")
    options.add_argument("--library", type=Path, required=True, metavar="DIR", help="folder that is made")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        seconds, processor = made(args.spec, args.library)
    except subprocess.CalledProcessError:
        return 2
    clips = json.loads((args.library / "manifest.json").read_text())["clips"]
    missed = sum(not clip["meets"] for clip in clips)
    head = [
        "| clip | kind | frames | m/s | direction ° | turn ° | slide cm/s | m/s² | rise cm | seam | misses |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    bridges = sum(clip["kind"] == "transition" for clip in clips)
    facts = {
        "clips": f"{len(clips) - bridges} and {bridges} transitions, {missed} of all miss something",
        "processor seconds": f"{processor:.0f}, one thread, pictures and files included",
        "seconds here": f"{seconds:.0f}",
        "files": f"library.glb {(args.library / 'library.glb').stat().st_size / 1e6:.1f} MB",
    }
    cost = ["| what | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]
    page = report.page("A library of clips", [cost, [*head, *map(row, clips)]], machine.describe(PACKAGES))
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
