"""Motions of a whole folder of keypoint files on all machines of a Ray cluster, or on the cores of this one.

    pip install "genmo-motion[cpu,scaling]"
    python examples/ray_map.py keypoints/ motions/ --workers 2

`docs/scaling.md` tells what happens to files that cannot be read and to workers that die.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from genmo.runtime.bulk import BatchEstimator, Row, rows
from genmo.runtime.support.errors import GenmoError, InputError


def estimate(folder: Path, out: Path, workers: int, suffix: str, engine: str | None, pattern: str) -> list[Row]:
    """The rows of all files, each with its motion or its error.  Raises InputError without Ray, and without files."""
    todo = rows(folder, pattern)
    try:
        import ray
    except ImportError:
        raise InputError('Ray is not installed; this example wants: pip install "genmo-motion[scaling]"') from None
    BatchEstimator(out, suffix=suffix, engine=engine)  # what is wrong with the options is told here, once
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    # a block a few files long: what a dead worker had in hand is made again by another
    data = ray.data.from_items(todo, override_num_blocks=max(min(len(todo) // 4, 1000), min(len(todo), workers)))
    made = data.map(
        BatchEstimator,
        fn_constructor_kwargs={"out": str(out.resolve()), "suffix": suffix, "engine": engine},
        concurrency=workers,
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=-1,
    )
    return sorted(made.take_all(), key=lambda row: str(row["name"]))


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 all made, 1 some files could not be read (each told in one line), 2 bad input."""
    options = argparse.ArgumentParser(description="Motions of a folder of keypoint files, with Ray.")
    options.add_argument("folder", type=Path, help="keypoint files, as genmo-run --keypoints takes them")
    options.add_argument("out", type=Path, help="folder for the motions; what is there already is left as it is")
    options.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    options.add_argument("--suffix", default=".npz", help="what to write: .npz .bvh .glb ... (default: %(default)s)")
    options.add_argument("--pattern", default="**/*.npz", help="which files of the folder (default: %(default)s)")
    options.add_argument("--engine", help="engine folder (default: the one that ships with genmo)")
    args = options.parse_args(arguments)
    try:
        done = estimate(args.folder, args.out, args.workers, args.suffix, args.engine, args.pattern)
    except GenmoError as error:
        options.error(" ".join(str(error).split()))
    failed = [row for row in done if row["error"]]
    for row in failed:
        print(f"{row['path']}: {row['error']}", file=sys.stderr)
    print(json.dumps({"files": len(done), "made": len(done) - len(failed), "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
