"""What every test shares: made-up motions and a tiny engine; slow and hardware tests stay out and say why."""

import ctypes
import ctypes.util
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Tiny models lose time to a pool of threads, and other workers or other work may have the cores.  BLAS and torch read
# these once, when they are first imported, so they are set before numpy is; what the tests start inherits them.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from genmo.runtime.motion.motion import Camera, Motion  # noqa: E402
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw, quaternion_from_matrix  # noqa: E402
from genmo.runtime.motion.skeleton import BETA_COUNT, JOINT_COUNT, shape_space  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
REAL_MOTION = ROOT.parent / "shared" / "data" / "cmu30"

# A suite that a shell started in the background ignores Ctrl-C, and so would the programs that it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine and in every run.
settings.register_profile("genmo", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("genmo")


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow") or "slow" in config.getoption("markexpr"):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "slow" not in item.keywords]


def pytest_runtest_setup(item):
    if item.get_closest_marker("requires_cuda") and not has_cuda():
        pytest.skip("no NVIDIA GPU or driver on this machine")
    if item.get_closest_marker("requires_tensorrt") and not has_tensorrt():
        pytest.skip("neither tensorrt nor tensorrt_rtx is installed")
    for package in (name for marker in item.iter_markers("requires") for name in marker.args):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


@functools.cache
def has_cuda() -> bool:
    """Asks the driver itself, so that no test needs torch to find out."""
    driver = ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda")
    if driver is None:
        return False
    try:
        cuda, count = ctypes.CDLL(driver), ctypes.c_int(0)
        return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def has_tensorrt() -> bool:
    return any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx"))


def waves(rng: np.random.Generator, frames: int, *shape: int) -> np.ndarray:
    """Smooth random signals [frames, *shape] of about unit size: three sinusoids of 0.1 to 1.2 Hz each."""
    time = np.arange(frames).reshape(-1, *[1] * (len(shape) + 1)) / 30
    frequency, phase = rng.uniform(0.1, 1.2, (*shape, 3)), rng.uniform(0, 2 * np.pi, (*shape, 3))
    return np.sin(2 * np.pi * frequency * time + phase).sum(axis=-1) / 1.5


def make_motion(frames=40, seed=0) -> Motion:
    """Every joint swings, the root turns steadily and wanders over the ground; float64."""
    rng = np.random.default_rng(seed)
    rotations = matrix_from_axis_angle(rng.normal(0, 0.3, (JOINT_COUNT, 3)) + 0.5 * waves(rng, frames, JOINT_COUNT, 3))
    rotations[:, 0] = matrix_from_yaw(rng.uniform(-2, 2) * np.arange(frames) / 30) @ rotations[:, 0]
    path = np.cumsum(rng.normal(0, 0.002, (frames, 3)) + 0.03 * waves(rng, frames, 3) * [1, 0.05, 1], axis=0)
    return Motion(rotations, path + [rng.normal(), 0.95, rng.normal()], rng.normal(0, 1, BETA_COUNT))


def make_camera(frames=40, seed=0) -> Camera:
    """A camera that turns, tilts and drifts; OpenCV axes."""
    rng = np.random.default_rng((seed, 1))
    level = np.diag([-1.0, -1.0, 1.0])  # looks along +z, image upright
    yaw = matrix_from_yaw(rng.uniform(-np.pi, np.pi) + rng.uniform(-0.6, 0.6) * np.arange(frames) / 30)
    rotation = yaw @ level @ matrix_from_axis_angle(0.25 * waves(rng, frames, 3))
    return Camera(rotation, rng.normal(0, 2, 3) + np.cumsum(0.02 * waves(rng, frames, 3), axis=0))


@pytest.fixture(autouse=True)
def children_end_quietly():
    """What PyTorch's DataLoader does when a child ends is undone after the test that had workers.

    Its handler stays for the life of the process, and with other libraries' signal stacks the next child that ends
    killed a whole worker of the tests.
    """
    yield
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) not in (signal.SIG_DFL, signal.SIG_IGN, None):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.fixture(scope="session")
def random_motion():
    return make_motion


@pytest.fixture(scope="session")
def random_camera():
    return make_camera


@pytest.fixture(scope="session")
def ten_seconds():
    """200 stretches of 300 frames, (rotations, translation): real motion where it is at hand, else made up."""
    if not (REAL_MOTION / "index.json").is_file():
        made = [make_motion(300, seed) for seed in range(200)]
        return [(motion.rotations, motion.translation) for motion in made]
    from genmo.train.datasets.read import read_clips

    rng, windows = np.random.default_rng(0), []
    for clip in read_clips(REAL_MOTION):
        for start in rng.integers(0, clip.frames - 299, 2) if clip.frames >= 300 else ():
            part = slice(start, start + 300)
            windows.append((clip.rotations[part].astype(np.float64), clip.translation[part].astype(np.float64)))
    return [windows[i] for i in rng.permutation(len(windows))[:200]]


def write_motion_set(folder: Path, clips: int = 6, frames: int = 100) -> Path:
    """A *30 set as the real ones are packed: 16-bit quaternions of 22 joints, one `.npz` a subject, `index.json`."""
    folder.mkdir()
    records = []
    for subject in ("01", "02"):
        names = [f"{subject}_{number:02d}" for number in range(1, clips // 2 + 1)]
        motions = [make_motion(frames, seed) for seed in range(int(subject) * 100, int(subject) * 100 + len(names))]
        quaternions = np.concatenate([quaternion_from_matrix(motion.rotations[:, :22]) for motion in motions])
        np.savez(
            folder / f"s{subject}.npz",
            quat_i16=np.round(quaternions * 32767).astype(np.int16),
            trans=np.concatenate([motion.translation for motion in motions]).astype(np.float32),
            clip_id=np.array(names),
            clip_start=np.arange(len(names), dtype=np.int32) * frames,
            clip_len=np.full(len(names), frames, np.int32),
            offsets=np.stack([shape_space().offsets(motion.betas) for motion in motions]).astype(np.float32),
        )
        texts = [{"caption": f"a person walks {side} on trial {name}", "text": "walk"} for name, side in _sides(names)]
        records += [
            {"id": name, "file": f"s{subject}.npz", "subject": subject, **text}
            for name, text in zip(names, texts, strict=True)
        ]
    (folder / "index.json").write_text(json.dumps(records))
    return folder


def _sides(names):
    return zip(names, ["left", "right"] * len(names), strict=False)


@pytest.fixture(scope="session")
def write_set():
    return write_motion_set


@pytest.fixture(scope="session")
def motion_set(tmp_path_factory):
    return write_motion_set(tmp_path_factory.mktemp("data") / "made30")


@pytest.fixture(scope="session")
def python():
    """Run `python ARGUMENTS` in another process on one core: `python(arguments, cwd=folder, **environment)`."""

    def run(arguments, cwd, **environment):
        variables = os.environ | {"OMP_NUM_THREADS": "1"} | environment
        return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=variables)

    return run


def make_once(folder: Path, make, patience: float = 300.0) -> Path:
    """`folder`, which `make(folder)` makes, at most once however many processes ask: the others wait for the first.

    `make` may leave nothing at `folder` itself until it is whole.  Raises RuntimeError where the first one failed, and
    TimeoutError after `patience` seconds.
    """
    claim, failed = folder.with_name(f"{folder.name}.claimed"), folder.with_name(f"{folder.name}.failed")
    try:
        claim.mkdir()  # for one process only
    except FileExistsError:
        deadline = time.monotonic() + patience
        while not folder.is_dir():
            if failed.is_dir():
                raise RuntimeError(f"another worker could not make {folder.name}; its own test says why") from None
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody has made {folder.name} in {patience:.0f} s") from None
            time.sleep(0.05)
        return folder
    try:
        part = folder.with_name(f"{folder.name}.part")
        make(part)
        part.rename(folder)
    except BaseException:
        failed.mkdir()
        raise
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, make)`: a folder that `make(folder)` makes, one for all workers of a run; to be read only."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once"  # a folder of this run alone
    shared.mkdir(exist_ok=True)
    return lambda name, make: make_once(shared / name, make)


@pytest.fixture(scope="session")
def tiny_model():
    """The `tiny` preset's model with random weights in which texts weigh about as much as motion."""
    torch = pytest.importorskip("torch")
    from genmo.train.network.checkpoint import Model
    from genmo.train.settings.config import read_config

    torch.manual_seed(0)
    model = Model(read_config("tiny").model)
    with torch.no_grad():
        model.text_encoder.table.weight *= 10
    return model.eval()


@pytest.fixture(scope="session")
def wordpieces():
    """The table of the WordPiece text encoder of the engine that ships."""
    from genmo.runtime.engine.bundle import SHIPPED
    from genmo.runtime.engine.text_wordpiece import read_wordpiece_table

    return read_wordpiece_table(SHIPPED)


@pytest.fixture(scope="session")
def tiny_checkpoint(once, tiny_model):
    """Folder of a checkpoint of `tiny_model` whose outputs look like motion."""
    import torch

    from genmo.runtime.motion.representation import encode
    from genmo.train.network.checkpoint import Checkpoint, save_checkpoint
    from genmo.train.network.normalisation import Normalisation

    def make(folder):
        features = np.concatenate([encode(make_motion(60, seed), make_camera(60, seed)) for seed in range(8)])
        normalisation = Normalisation.fit(torch.from_numpy(features).float())
        save_checkpoint(folder, Checkpoint(tiny_model, normalisation, {"train": {"steps": 0}, "step": 0}))

    return once("checkpoint", make)


@pytest.fixture(scope="session")
def tiny_engine(once, tiny_checkpoint):
    """Folder of the engine of `tiny_checkpoint`, exported with a short parity report."""
    pytest.importorskip("onnxscript")
    from genmo.export import pipeline
    from genmo.export.options import ExportOptions

    def make(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1, 121)))
            pipeline.export(ExportOptions(tiny_checkpoint, folder, "none: random weights"))

    return once("tiny", make)


@pytest.fixture(scope="session")
def engine_copy(tiny_engine):
    """`engine_copy(folder)`: a copy of the tiny engine that a test may spoil."""

    def copy(folder: Path) -> Path:
        folder.mkdir()
        for path in tiny_engine.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return folder

    return copy


@pytest.fixture(scope="session")
def token_checkpoint(once, wordpieces):
    """Folder of a checkpoint of motion tokens with random weights, whose outputs look like motion."""
    torch = pytest.importorskip("torch")
    from genmo.runtime.engine.bundle import SHIPPED
    from genmo.runtime.engine.text_lengths import FILE as TEXT_LENGTHS
    from genmo.runtime.engine.text_lengths import open_lengths
    from genmo.runtime.motion.layout import TOKEN_LAYOUT
    from genmo.runtime.motion.token_features import encode_motion
    from genmo.train.network.normalisation import Normalisation
    from genmo.train.network.token_model import TokenCheckpoint, TokenModel, save_token_checkpoint
    from genmo.train.settings.token_config import TOKEN_PRESETS, read_token_config

    torch.manual_seed(0)
    model = TokenModel(read_token_config(TOKEN_PRESETS / "tiny.yaml").model, 3, wordpieces).eval()
    features = torch.from_numpy(np.concatenate([encode_motion(make_motion(60, seed)) for seed in range(8)])).float()
    normalisation = Normalisation.fit(features, TOKEN_LAYOUT)
    with torch.no_grad():
        # codes that the encoder chooses among
        model.vq.codebook.codes.copy_(model.vq.latents(normalisation.apply(features)[None, :64])[0].transpose(0, 1))
        for parameter in model.transformer.parameters():
            parameter *= 2
        model.transformer.head.weight *= 3  # as sure of some codes as a trained one
    lengths = open_lengths(SHIPPED / TEXT_LENGTHS, model.text_encoder.encoder)
    provenance = {"train": {"frames": [32], "steps": 0}, "step": 0}
    checkpoint = TokenCheckpoint(model, normalisation, provenance, text_lengths=lengths)
    return once("token_checkpoint", lambda folder: save_token_checkpoint(folder, checkpoint))


@pytest.fixture(scope="session")
def token_engine(once, token_checkpoint):
    """Folder of the engine of `token_checkpoint`."""
    pytest.importorskip("onnxscript")
    from genmo.export.options import ExportOptions
    from genmo.export.token_pipeline import export_tokens

    def make(folder):
        export_tokens(ExportOptions(token_checkpoint, folder, "none: random weights"))

    return once("tokens", make)
