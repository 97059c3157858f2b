"""TensorRT plans of an engine: which shapes they take, and where they may run.

`ENGINE/tensorrt/KEY/` holds a plan for each graph, one that carries the sampler from step to step, and `plans.json`,
which says what they were built from, with what and for which GPU.  A plan runs on nothing else, and a library that is
given the wrong one may answer with wrong numbers, so everything is compared before one is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import condition_inputs, step_inputs, text_inputs
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.engine.graphs import GRAPHS, TOKEN_GRAPHS, Graphs, file_hash
from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.support.errors import EngineError, InputError, first_line
from genmo.runtime.support.safe_read import read_json

FORMAT = 1
FOLDER = "tensorrt"
DESCRIPTION = "plans.json"
LIBRARIES = {
    "tensorrt": 'pip install "genmo-motion[tensorrt]"',
    "tensorrt_rtx": 'pip install "genmo-motion[tensorrt-rtx]"',
}
"""modules that build and run plans, and how to get them"""
UPDATE = "update"
PLANS = (*GRAPHS, UPDATE)
UPDATE_INPUTS = (
    TensorSpec("x_t", (2, "values")),
    TensorSpec("x_0", (2, "values")),
    TensorSpec("x_0_before", (2, "values")),
    TensorSpec("keep", (1, 1)),
    TensorSpec("now", (2, 1)),
    TensorSpec("before", (2, 1)),
)
UPDATE_OUTPUTS = (TensorSpec("x_next", (2, "values")),)
"""x_next = keep x_t + sum over the halves of (now x_0 + before x_0_before), the same in both: `sampler.Update` of a
guided batch, whose halves are the motions with and without what guidance acts on; `values` are motions x frames x
features."""
ANY_GPU = "any"
"""a plan of tensorrt_rtx that is finished on the GPU that it meets: Ampere or newer"""
AMPERE = (8, 0)
COMPATIBLE = ("none", "same", "ampere+")
"""other GPUs that a plan of `tensorrt` runs on: none, those of the same compute capability, Ampere and newer"""
DYNAMIC_FRAMES = (1, 120, 1800)
"""frames that a plan takes when none are asked for: fewest, those it is tuned for, most"""

KERNEL = "_kernel"
"""how the folders of plans with the window kernel end"""
DENSE_FRAMES = 240
"""frames up to which the step's self-attention is one block (`export.step.CROSSOVER`)"""

Shape = tuple[int, ...]
Corners = tuple[Shape, Shape, Shape]
"""the smallest shape, the one to tune for, the largest"""


@dataclass(frozen=True)
class Profile:
    """Sizes that a plan takes.  Batches start at 1 motion and texts at 1."""

    frames: tuple[int, int, int] = DYNAMIC_FRAMES
    """fewest, tuned for, most"""
    batch: int = 8
    """most motions in a call; guidance takes two for each"""
    texts: int = 4
    """most texts of a motion"""

    def __post_init__(self) -> None:
        least, usual, most = self.frames
        if not 1 <= least <= usual <= most <= MAX_FRAMES:
            raise InputError(f"--frames is {least}:{usual}:{most}; wanted FEWEST:USUAL:MOST, 1 to {MAX_FRAMES}, rising")
        if self.batch < 1 or self.texts < 1:
            raise InputError(f"--batch is {self.batch} and --texts {self.texts}; wanted 1 or more of each")

    def pieces(self, window: int) -> tuple[Profile, ...]:
        """Profiles that hold the same lengths between them, cut where the step's attention changes its form.

        A plan's memory is set by the largest blocks that its library can prove, which multiplies what dense and
        blocked attention need: 68 GB for 1 to 1800 frames of an engine whose pieces need 0.4 GB.
        """
        least, usual, most = self.frames
        ends = [end for end in (window // 2, max(DENSE_FRAMES, 3 * window // 2)) if least <= end < most] + [most]
        starts = [least, *(end + 1 for end in ends[:-1])]
        return tuple(
            replace(self, frames=(start, usual if start <= usual <= end else (start + end) // 2, end))
            for start, end in zip(starts, ends, strict=True)
        )

    def shapes(self, config: ModelConfig, null_is_folded: bool) -> dict[str, dict[str, Corners]]:
        """Input shapes of every plan: plan -> input -> (smallest, tuned for, largest).

        Tuned for one motion with one text under guidance.  Where the null text is not folded it may come first among
        the texts of a step, and every motion is `prompted`.
        """
        batch, texts = (1, min(2, self.batch), self.batch), (1, 1, self.texts)
        prompted = (0, 1, self.batch) if null_is_folded else batch
        step_texts = texts if null_is_folded else (1, 2, self.texts + 1)
        sizes = [
            {
                "batch": batch[i],
                "frames": self.frames[i],
                "prompted": prompted[i],
                "texts": step_texts[i],
                "words": step_texts[i] * config.text_tokens,
            }
            for i in range(3)
        ]
        spoken = [{"batch": (1, max(1, prompted[1]), self.batch)[i], "texts": texts[i]} for i in range(3)]
        width = config.motion_layout.width
        rolled = [{"values": (1, 1, max(1, self.batch // 2))[i] * self.frames[i] * width} for i in range(3)]
        return {
            "conditions": corners(condition_inputs(config), sizes),
            "texts": corners(text_inputs(config), spoken),
            "step": corners(step_inputs(config), sizes),
            UPDATE: corners(UPDATE_INPUTS, rolled),
        }


def plan_profiles(
    profiles: tuple[Profile, ...], config: ModelConfig, null_is_folded: bool, window_kernel: bool = False
) -> dict[str, list[dict[str, Corners]]]:
    """The optimisation profiles of every plan, in order: plan -> profile -> input -> its shapes.

    With the window kernel the step's attention has one form for all lengths, and its plan is not cut.
    """
    whole = [profile.shapes(config, null_is_folded) for profile in profiles]
    pieces = [piece.shapes(config, null_is_folded) for profile in profiles for piece in profile.pieces(config.window)]
    return {
        "conditions": [shapes["conditions"] for shapes in whole],
        "texts": [whole[0]["texts"]],  # knows nothing of frames
        "step": [shapes["step"] for shapes in (whole if window_kernel else pieces)],
        UPDATE: [shapes[UPDATE] for shapes in whole],
    }


def corners(specs: tuple[TensorSpec, ...], sizes: list[dict[str, int]]) -> dict[str, Corners]:
    """Input shapes for the smallest sizes, those to tune for and the largest."""
    least, usual, most = sizes
    return {spec.name: (spec.shape(**least), spec.shape(**usual), spec.shape(**most)) for spec in specs}


@dataclass(frozen=True)
class Gpu:
    """A graphics processor."""

    capability: tuple[int, int]
    """compute capability: (8, 9)"""
    name: str = ""

    @property
    def architecture(self) -> str:
        """sm_89"""
        return f"sm_{self.capability[0]}{self.capability[1]}"


@dataclass(frozen=True)
class PlanSet:
    """What `plans.json` says."""

    library: str
    """module that built the plans, a key of LIBRARIES"""
    version: str
    gpus: tuple[str, ...]
    """architectures: "sm_89"; or ANY_GPU alone"""
    gpu_name: str
    """the GPU on which `tensorrt` timed its kernels; "" for tensorrt_rtx"""
    compatible: str
    """one of COMPATIBLE; tensorrt_rtx: "none", its `gpus` are all it runs on"""
    version_compatible: bool
    """newer versions of the same major may run it"""
    tf32: bool
    """float32 products may round their factors to 10 bits"""
    precision: str
    profiles: tuple[Profile, ...]
    onnx: dict[str, str]
    """graph -> SHA-256 of the ONNX file that it was built from"""
    plans: dict[str, str]
    """plan -> SHA-256 of its file, `<plan>.plan`"""
    window_kernel: bool = False
    """the step's self-attention is the kernel of kernels/"""

    @property
    def key(self) -> str:
        """Name of the folder."""
        gpus = "-".join(self.gpus) + "+" * (self.compatible == "ampere+")
        lengths = "_".join(f"n{'-'.join(map(str, sorted(set(profile.frames))))}" for profile in self.profiles)
        sizes = f"{lengths}_b{self.profiles[0].batch}_k{self.profiles[0].texts}"
        return f"{gpus}_{self.library}-{self.version}_{self.precision}_{sizes}" + KERNEL * self.window_kernel

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Any) -> PlanSet:
        """Raises ValueError, KeyError or TypeError for anything else than `to_json` writes."""
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ValueError(f"format {FORMAT} was wanted")
        entries = {name: value for name, value in stored.items() if name != "format"}
        profiles = tuple(Profile(**(profile | {"frames": tuple(profile["frames"])})) for profile in entries["profiles"])
        plans = cls(**(entries | {"profiles": profiles, "gpus": tuple(entries["gpus"])}))
        built = (sorted(plans.plans), sorted(plans.onnx))
        families = ((PLANS, GRAPHS), (TOKEN_GRAPHS, TOKEN_GRAPHS))
        if plans.compatible not in COMPATIBLE or built not in [tuple(map(sorted, family)) for family in families]:
            raise ValueError("compatible, plans or onnx")
        return plans

    def rebuild_command(self, engine: Path, library: str) -> str:
        """What builds plans for the same shapes with a library, on and for this machine."""
        profile = self.profiles[0]
        frames = "".join(f" --frames {':'.join(map(str, each.frames))}" for each in self.profiles)
        options = f"{frames} --batch {profile.batch} --texts {profile.texts}" + " --tf32" * self.tf32
        if library == "tensorrt" and self.compatible != "none":
            options += f" --compatible {self.compatible}"
        options += " --version-compatible" * (library == "tensorrt" and self.version_compatible)
        options += " --window-kernel" * (library == "tensorrt" and self.window_kernel)
        return f"{build_command(engine, library)}{options}"

    def obstacle(self, library: str, version: str, gpu: Gpu) -> str:
        """Why these plans do not run with this library on this GPU; "" when they do."""
        if self.library != library:
            return f"built with {self.library}, here is {library}"
        if self.version != version and not (self.version_compatible and _continues(version, self.version)):
            return f"built with {library} {self.version}, here is {version}"
        if not self._runs_on(gpu):
            built_for = f" ({self.gpu_name})" if self.gpu_name else ""
            return f"built for {', '.join(self.gpus)}{built_for}, here is {gpu.architecture} ({gpu.name})"
        return ""

    def _runs_on(self, gpu: Gpu) -> bool:
        if self.gpus == (ANY_GPU,) or self.compatible == "ampere+":
            return gpu.capability >= AMPERE
        one_of_ours = gpu.architecture in self.gpus
        if self.library == "tensorrt" and self.compatible == "none":
            return one_of_ours and gpu.name == self.gpu_name  # its kernels were chosen by timing them on that model
        return one_of_ours


def _continues(version: str, since: str) -> bool:
    """Whether `version` is of the same major as `since`, and not older."""
    here, then = ([int(number) for number in text.split(".") if number.isdigit()] for text in (version, since))
    return here[:1] == then[:1] and here >= then


def build_command(engine: Path, library: str) -> str:
    """What builds plans of an engine for the machine it is typed on."""
    return f"python -m genmo.export.tensorrt.build_plans {engine} --library {library}"


def read_plans(folder: Path) -> PlanSet:
    """The description in a folder of plans.  Raises EngineError when it is missing or wrong."""
    try:
        return PlanSet.from_json(read_json(folder / DESCRIPTION, "a description of TensorRT plans"))
    except (ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        raise EngineError(
            f"{folder / DESCRIPTION}: does not describe TensorRT plans ({first_line(error)}); build them again"
        ) from None


def plan_folders(engine: Path) -> Iterator[Path]:
    """Folders with plans in an engine, by name, those with the window kernel first; those under construction are left
    out."""
    folders = sorted(path.parent for path in (engine / FOLDER).glob(f"[!.]*/{DESCRIPTION}"))
    yield from sorted(folders, key=lambda folder: not folder.name.endswith(KERNEL))


def graph_hashes(graphs: Graphs | Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of an engine's ONNX files; of motion tokens, by their names."""
    files = {name: getattr(graphs, name) for name in GRAPHS} if isinstance(graphs, Graphs) else graphs
    return {name: file_hash(path) for name, path in files.items()}


def find_plans(graphs: Graphs | Mapping[str, Path], library: str, version: str, gpu: Gpu) -> tuple[Path, PlanSet]:
    """The folder of plans of this engine that run here, and what they are; their files have their hashes.

    Raises EngineError when there are none, with the reason for each and the command that builds some.
    """
    engine = (graphs.step if isinstance(graphs, Graphs) else graphs[TOKEN_GRAPHS[0]]).parent
    hashes = graph_hashes(graphs)
    build, reasons = build_command(engine, library), []
    for folder in plan_folders(engine):
        plans = read_plans(folder)
        reason = plans.obstacle(library, version, gpu)
        if not reason and plans.onnx != hashes:
            reason = "built from other ONNX files than the engine has now"
        if not reason:
            _check_plan_files(folder, plans, plans.rebuild_command(engine, library))
            return folder, plans
        reasons.append(f"{folder.name}: {reason}")
        build = plans.rebuild_command(engine, library)
    summary = "; ".join(reasons) or "none were built"
    raise EngineError(f"{engine}: no TensorRT plans for this machine ({summary}). Build them here: {build}")


def _check_plan_files(folder: Path, plans: PlanSet, rebuild: str) -> None:
    for name, expected_hash in plans.plans.items():
        path = folder / f"{name}.plan"
        if not path.is_file() or file_hash(path) != expected_hash:
            raise EngineError(
                f"{path}: missing, or its SHA-256 is not the one in {DESCRIPTION}; build the plans again: {rebuild}"
            )
