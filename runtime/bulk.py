"""Many files at once: a callable class as Ray Data, or any pool of workers, maps over rows.

    ray.data.from_items(rows(folder)).map(BatchEstimator, fn_constructor_kwargs={"out": "motions"}, concurrency=8)

A worker makes the object once, which loads the engine, and calls it for every row.  Calling twice is as good as once:
an output appears whole or not at all, under a name that only its input has, and a row whose output is there is left as
it is.  So a worker may die at any time and its rows may be given to another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genmo.runtime.engine.open_denoiser import log
from genmo.runtime.formats import check_suffix, save_motion
from genmo.runtime.model import MotionModel
from genmo.runtime.readers.subjects import read_subjects
from genmo.runtime.support.errors import GenmoError, InputError

Row = dict[str, Any]


def rows(folder: str | Path, pattern: str = "**/*.npz") -> list[Row]:
    """A row for each keypoint file below `folder`: its path, and its name from there on, in order of names.

    Raises InputError for a folder that has none.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob(pattern) if path.is_file() and path.name[0] != ".")
    if not paths:
        raise InputError(f"{folder}: no file is called {pattern}; wanted a folder with keypoint files")
    return [{"path": str(path), "name": path.relative_to(folder).as_posix()} for path in paths]


class BatchEstimator:
    """Keypoint files in, motion files out; one object a worker, which loads its engine when it is made.

    `out`: folder of the outputs, which have the names of the rows with `suffix` behind (`genmo.runtime.formats`);
    `engine`, `backend`, `device`, `threads`, `precision`: as in `MotionModel.load`, but one thread, because workers
    share the machine; `body`: as there, for released weights; `image_size` (width, height) and `fps`: of the video,
    where the files do not say; `again`: make outputs that are there once more.

    Raises InputError for a suffix that nothing writes, and what `MotionModel.load` raises.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        suffix: str = ".npz",
        engine: str | Path | None = None,
        backend: str | None = None,
        device: str | None = None,
        threads: int = 1,
        precision: str | None = None,
        body: str | Path | None = None,
        image_size: tuple[float, float] | None = None,
        fps: float | None = None,
        again: bool = False,
    ) -> None:
        check_suffix(f"motion{suffix}")
        self._out, self._suffix, self._again = Path(out), suffix, again
        self._image_size, self._fps = image_size, fps
        self._model = MotionModel.load(
            engine, backend=backend, device=device, threads=threads, precision=precision, body=body
        )

    def __call__(self, row: Row) -> Row:
        """The row with `out`, the path of its motion, or with `error`, what is wrong with its file; the other is ""."""
        try:
            return row | {"out": str(self._estimated(row)), "error": ""}
        except GenmoError as error:
            log.warning("%s: %s", row["path"], error)
            return row | {"out": "", "error": str(error)}

    def _estimated(self, row: Row) -> Path:
        """Where the motion of one file is, whether it was made now or before."""
        # the input's own suffix stays in the name: a.npz and a.json are two people
        path = self._out / f"{row['name']}{self._suffix}"
        if self._again or not path.is_file():
            people, _ = read_subjects(row["path"], image_size=self._image_size, fps=self._fps)
            motion = self._model.estimate(next(iter(people.values())))
            path.parent.mkdir(parents=True, exist_ok=True)
            save_motion(path, motion)
        return path
