"""Spoilt input files: every reader refuses them with an InputError, or reads them.

    python benchmarks/fuzz_inputs.py --examples 100000 --reader colmap-binary --reader openpose

Small valid files of every kind are cut, flipped, repeated and sown with awkward numbers.  Anything but an InputError,
an example that takes over 20 s of processor time or stands still for ten minutes, and memory over the limit end the
run; the file is kept.  Exit status: 0 none found, 1 found, 2 bad options.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import resource
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import numpy as np

from genmo.runtime.formats.bvh import to_bvh
from genmo.runtime.formats.bvh_motion import read_bvh_motion
from genmo.runtime.formats.glb import to_glb
from genmo.runtime.formats.gltf import pack
from genmo.runtime.formats.npz import load_npz_with_sources, to_npz
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import BETA_COUNT, JOINTS
from genmo.runtime.readers.cameras import from_colmap, parse_blender, read_camera
from genmo.runtime.readers.colmap import parse_cameras_bin, parse_cameras_txt, parse_images_bin, parse_images_txt
from genmo.runtime.readers.constraints import read_joint_targets, read_keyframes
from genmo.runtime.readers.keypoint_formats import parse_document
from genmo.runtime.readers.keypoints import People, gather, read_people
from genmo.runtime.readers.music import read_features, read_sound
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.retarget.character import read_character
from genmo.runtime.retarget.character_bones import read_map
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import parse_json

SECONDS = 20
MEMORY = 6 * 2**30
NUMBERS = (0, 1, -1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1)
VALUES = (None, True, "", "x" * 50, [], {}, [[[[0]]]], -1, 10**30, 1e300, "7.jpg", [1, 2, 3])
WORDS = (
    b"NaN", b"1e999", b"-1", b"null", b"[]", b"{}", b'""', b"true", b"1e308", b"9" * 30, b"9" * 400, b"[[[[",
    b"&a [*a]", b"\xff", b"\0",
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A kind of file: a valid one, what spoils it, and what reads its bytes or, where `suffix` is given, a file."""

    valid: bytes
    read: Callable[[Any], object]
    suffix: str = ""
    spoil: Callable[[bytes, np.random.Generator], bytes] = lambda data, rng: spoil(data, rng)


# --- valid files -------------------------------------------------------------------------------------------------


SIZE = (640.0, 480.0)


def _shown(people: People) -> object:
    return [people.keypoints(one) for one in people.ids[:2]] or people.keypoints()


def _people(data: bytes) -> object:
    return _shown(gather(parse_document(parse_json(data, "people", "JSON"), "people", SIZE), "people", SIZE))


def _blender(data: bytes) -> object:
    return parse_blender(parse_json(data, "camera", "JSON"), "camera").at_frames(10)


def _dump(document: object) -> bytes:
    return json.dumps(document).encode()


def _flat(points: int, at: int) -> list[float]:
    return [float(value) for index in range(points) for value in (100 + index + at, 50 + 3 * index, 0.9)]


def keypoint_readers() -> dict[str, Reader]:
    """JSON of every kind, and genmo's own file."""
    openpose = [{"people": [{"person_id": [-1], "pose_keypoints_2d": _flat(25, at)}]} for at in range(3)]
    pairs = [[float(x), float(2 * x)] for x in range(50, 67)]
    instance = {"keypoints": pairs, "keypoint_scores": [0.8] * 17, "bbox": [[1, 2, 3, 4]]}
    mmpose = [{"frame_id": at, "instances": [instance]} for at in range(3)]
    names = {str(index): name for index, name in enumerate(COCO)}
    coco = [{"image_id": at, "category_id": 1, "keypoints": _flat(17, at), "score": 0.9} for at in range(3)]
    alphapose = [{"image_id": f"{at}.jpg", "keypoints": _flat(26, at), "score": 2.9, "idx": 1} for at in range(3)]
    landmark = {"x": 0.5, "y": 0.4, "z": -0.1, "visibility": 0.9}
    frames = [{"pose_landmarks": [[landmark] * 33]}, {"pose_landmarks": []}]
    mediapipe = {"image_width": 640, "image_height": 480, "fps": 25.0, "frames": frames}
    points = np.full((4, 17, 3), 0.9) * [100, 200, 1]
    files = {
        "openpose": openpose,
        "mmpose": mmpose,
        "mmpose-names": {"meta_info": {"keypoint_id2name": names}, "instance_info": mmpose},
        "coco-results": coco,
        "alphapose": alphapose,
        "mediapipe": mediapipe,
    }
    readers = {name: Reader(_dump(document), _people, spoil=spoil_json) for name, document in files.items()}
    npz = _npz(keypoints=points, image_size=np.array([640, 480]), fps=np.array(25.0))
    return readers | {"keypoints-npz": Reader(npz, lambda path: _shown(read_people(path)), ".npz", spoil_npz)}


COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def camera_readers() -> dict[str, Reader]:
    """COLMAP's files one by one, Blender's JSON and genmo's own file."""
    lenses = b"# cameras\n1 PINHOLE 640 480 500 500 320 240\n2 OPENCV 640 480 500 500 320 240 0.1 0.01 0 0\n"
    images = b"".join(b"%d 1 0 0.01 0 0 0 %d 1 f_%03d.png\n1 2 -1 3 4 5\n" % (at, at, at) for at in range(1, 4))
    lenses_bin = struct.pack("<QiiQQ4d", 1, 1, 1, 640, 480, 500.0, 500.0, 320.0, 240.0)
    images_bin = struct.pack("<Q", 3) + b"".join(
        struct.pack("<i7di", at, 1, 0, 0.01, 0, 0, 0, at, 1) + b"f_%03d.png\0" % at + struct.pack("<Qddq", 1, 1, 2, -1)
        for at in range(1, 4)
    )
    text, binary = parse_cameras_txt(lenses, ""), parse_cameras_bin(lenses_bin, "")
    matrix = [[1.0, 0, 0, 0], [0, 0, -1.0, 2], [0, 1.0, 0, 1], [0, 0, 0, 1.0]]
    blender = {
        "format": "genmo-blender-camera", "fps": 24.0, "width": 1920, "height": 1080, "sensor_fit": "AUTO",
        "sensor_width_mm": 36.0, "sensor_height_mm": 24.0, "shift_x": 0.0, "shift_y": 0.0, "metres_per_unit": 1.0,
        "frames": [{"frame": at, "lens_mm": 35.0, "matrix_world": matrix} for at in range(1, 4)],
    }  # fmt: skip
    poses = np.tile(np.eye(4), (3, 1, 1))
    return {
        "colmap-cameras-text": Reader(lenses, lambda data: parse_cameras_txt(data, "cameras")),
        "colmap-images-text": Reader(
            images, lambda data: from_colmap(text, parse_images_txt(data, "images"), "images", 1.0).at_frames(10)
        ),
        "colmap-cameras-binary": Reader(lenses_bin, lambda data: parse_cameras_bin(data, "cameras")),
        "colmap-images-binary": Reader(
            images_bin, lambda data: from_colmap(binary, parse_images_bin(data, "images"), "images", 1.0).at_frames(10)
        ),
        "blender": Reader(_dump(blender), _blender, spoil=spoil_json),
        "camera-npz": Reader(
            _npz(camera_to_world=poses, fps=np.array(30.0)),
            lambda path: read_camera(path).at_frames(10),
            ".npz",
            spoil_npz,
        ),
    }


def music_readers() -> dict[str, Reader]:
    """Every kind of sound that can be written here, and features."""
    readers = {"features-npy": Reader(_npy(np.zeros((3, 35), np.float32)), read_features, ".npy")}
    time_ = np.arange(2400) / 24000
    tone = 0.3 * np.sin(2 * np.pi * 440 * time_)[:, None] * [1.0, 0.5]
    with contextlib.suppress(ImportError):
        import soundfile

        for kind in ("wav", "flac", "ogg", "mp3"):
            file = io.BytesIO()
            soundfile.write(file, tone, 24000, format=kind.upper())
            readers[kind] = Reader(file.getvalue(), read_sound, f".{kind}")
    with contextlib.suppress(ImportError):
        readers["mp4"] = Reader(mp4_sound(tone, 24000), read_sound, ".mp4")
    return readers


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def mp4_sound(samples: np.ndarray, rate: int) -> bytes:
    """An mp4 without pictures of samples [n, 2]; raises ImportError without PyAV."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        track = container.add_stream("aac", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), format="fltp", layout="stereo")
        frame.sample_rate = rate
        for packet in (*track.encode(frame), *track.encode(None)):
            container.mux(packet)
    return file.getvalue()


TIMELINE = b"""# a scene
length: 9s
unit: seconds
seed: 3
steps: 5
guidance: 1.5
texts:
  - {text: a person walks, start: 0, end: 4.5}
  - text: a person waves
    start: 120f
    end: 9s
keyframes: []
constraints:
  - joint: head
    points: [[1, 0.0, 1.6, 0.5], [2s, free, 1.6, free]]
"""
CHARACTER_MAP = b"""bones:
  hips: Pelvis
  spine: [Spine, Chest]
  left_upper_leg: L Thigh
floor: -0.02
rest_frame: 0
"""
VRM_BONES = {"hips": "pelvis", "leftUpperLeg": "left_hip", "rightUpperLeg": "right_hip", "head": "head"}


def motion_readers() -> dict[str, Reader]:
    """Motions, characters with and without VRM's table, keyframes, places and timelines."""
    turns = np.broadcast_to(np.eye(3), (2, len(JOINTS), 3, 3))
    motion = Motion(turns, np.array([[0.0, 0.95, 0.0], [0.0, 0.95, 0.02]]), np.zeros(BETA_COUNT))
    glb = to_glb(motion)
    document, binary = chunks(glb)
    numbers = {node.get("name"): at for at, node in enumerate(document["nodes"])}
    bones = {ours: {"node": numbers[name]} for ours, name in VRM_BONES.items()}
    vrm = document | {"extensions": {"VRMC_vrm": {"humanoid": {"humanBones": bones}}}}
    keyframes = _npz(frames=np.array([3, 9]), rotations=turns, trans=motion.translation)
    places = _npz(frames=np.array([3, 9]), joints=np.array(["head", "pelvis"]), positions=np.full((2, 3), 0.9))
    return {
        "bvh": Reader(to_bvh(motion), read_bvh_motion, ".bvh", spoil_lines),
        "bvh-character": Reader(to_bvh(motion), read_character, ".bvh", spoil_lines),
        "glb": Reader(glb, read_character, ".glb", spoil_glb),
        "vrm": Reader(pack(vrm, binary), read_character, ".vrm", spoil_glb),
        "motion-npz": Reader(to_npz(motion), load_npz_with_sources, ".npz", spoil_npz),
        "keyframes-npz": Reader(keyframes, read_keyframes, ".npz", spoil_npz),
        "constraints-npz": Reader(places, read_joint_targets, ".npz", spoil_npz),
        "timeline": Reader(TIMELINE, read_timeline, ".yaml", spoil_lines),
        "character-map": Reader(CHARACTER_MAP, read_map, ".yaml", spoil_lines),
    }


def chunks(glb: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON document and the binary chunk of a GLB file."""
    size = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def all_readers() -> dict[str, Reader]:
    """Every kind of input file by name."""
    return keypoint_readers() | camera_readers() | motion_readers() | music_readers()


# --- spoiling ----------------------------------------------------------------------------------------------------


def spoil(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to four things wrong."""
    spoilt = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(spoilt) + 1))
        length = int(rng.integers(1, 17))
        match rng.integers(0, 7):
            case 0:  # some bits
                for where in rng.integers(0, max(len(spoilt), 1), length)[: len(spoilt)]:
                    spoilt[where] ^= 1 << int(rng.integers(0, 8))
            case 1:  # cut short
                del spoilt[at:]
            case 2:  # a hole
                del spoilt[at : at + length]
            case 3:  # noise
                spoilt[at:at] = rng.bytes(length)
            case 4:  # an awkward number over what was there
                number = NUMBERS[rng.integers(len(NUMBERS))] & (2**64 - 1)
                size = int(rng.choice([1, 2, 4, 8]))
                spoilt[at : at + size] = number.to_bytes(8, "little")[:size]
            case 5:  # an awkward word over what was there
                word = WORDS[rng.integers(len(WORDS))]
                spoilt[at : at + int(rng.integers(0, len(word) + 1))] = word
            case _:  # the same again
                spoilt[at:at] = spoilt[max(at - 16 * length, 0) : at]
    return bytes(spoilt)


def spoil_json(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes spoilt, or, more often, the document with one to three values replaced, doubled or left out."""
    if rng.random() < 0.3:
        return spoil(data, rng)
    document = json.loads(data)
    for _ in range(rng.integers(1, 4)):
        _spoil_value(document, rng)
    return _dump(document)


def _spoil_value(inside: Any, rng: np.random.Generator) -> None:
    """Walk down to some value and replace it, double it or leave it out."""
    while inside:
        key = list(inside)[rng.integers(len(inside))] if isinstance(inside, dict) else int(rng.integers(len(inside)))
        value = inside[key]
        if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
            inside = value
            continue
        match rng.integers(0, 4):
            case 0:
                del inside[key]
            case 1 if isinstance(inside, list):
                inside.append(value)
            case 2:
                inside[key] = float(NUMBERS[rng.integers(len(NUMBERS))]) * rng.random()
            case _:
                inside[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
        return


def spoil_npz(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes spoilt, or, more often, one of the arrays inside: a spoilt archive seldom gets past its checksums."""
    if rng.random() < 0.3:
        return spoil(data, rng)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w") as spoilt:
        chosen = rng.integers(len(archive.namelist()))
        for index, name in enumerate(archive.namelist()):
            inside = archive.read(name)
            spoilt.writestr(name, spoil(inside, rng) if index == chosen else inside)
    return file.getvalue()


def spoil_glb(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes spoilt, or, more often, the document or the numbers inside."""
    if rng.random() < 0.2:
        return spoil(data, rng)
    document, binary = chunks(data)
    for _ in range(rng.integers(1, 4)):
        _spoil_value(document, rng)
    if rng.random() < 0.3:
        binary = spoil(binary, rng)
    return pack(document, binary)


def spoil_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes spoilt, or, as often, lines and words of a text left out, doubled, exchanged or replaced."""
    if rng.random() < 0.5:
        return spoil(data, rng)
    lines = data.split(b"\n")
    for _ in range(rng.integers(1, 4)):
        at, other = (int(rng.integers(len(lines))) for _ in range(2))
        words = lines[at].split(b" ")
        match rng.integers(0, 4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(other, lines[at])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                words[rng.integers(len(words))] = WORDS[rng.integers(len(WORDS))]
                lines[at] = b" ".join(words)
        lines = lines or [b""]
    return b"\n".join(lines)


def spoilt_files(reader: Reader, examples: int, seed: int = 0) -> Iterator[bytes]:
    """Spoilt copies of the reader's valid file; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return (reader.spoil(reader.valid, rng) for _ in range(examples))


def attempt(reader: Reader, data: bytes, path: Path) -> bool:
    """Whether the reader took the bytes, through `path` where it wants a file; False: it refused them."""
    if reader.suffix:
        path.write_bytes(data)
    try:
        reader.read(path if reader.suffix else data)
    except InputError as error:
        assert str(error).strip(), "an InputError without a word"
        return False
    return True


# --- command line ------------------------------------------------------------------------------------------------


def _out_of_time(signum: int, frame: object) -> None:
    raise TimeoutError(f"over {SECONDS} s")


@dataclass(frozen=True)
class Row:
    """What came of one kind of file."""

    name: str
    examples: int
    taken: int
    seconds: float
    slowest: float
    memory: float
    """largest of the process so far, MB"""
    found: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.examples} examples in {self.seconds:.0f} s, {self.taken} read, "
            f"{self.examples - self.taken} refused, slowest {1000 * self.slowest:.0f} ms, largest memory "
            f"{self.memory:.0f} MB{self.found and f'; {self.found}'}"
        )


def fuzz(name: str, reader: Reader, examples: int, seed: int, keep: Path) -> Row:
    """Run one kind, up to the first finding, which is kept as a file."""
    path = keep / f"{name}{reader.suffix}"
    taken, slowest, start, done, found = 0, 0.0, time.monotonic(), 0, ""
    for index, data in enumerate(spoilt_files(reader, examples, seed)):
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: who stops this process finds nothing
        signal.alarm(30 * SECONDS)
        try:
            taken += attempt(reader, data, path)
        except Exception as error:  # whatever a reader lets through is the finding
            path.write_bytes(data)
            found = f"example {index} of seed {seed}: {type(error).__name__}: {error}; kept as {path}"
            break
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        slowest, done = max(slowest, time.process_time() - began), index + 1
    if not found:
        path.unlink(missing_ok=True)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row(name, done, taken, time.monotonic() - start, slowest, largest, found)


def page(rows: list[Row], seed: int) -> str:
    """The results as Markdown."""
    lines = [
        "# Spoilt files",
        "",
        f"`python benchmarks/fuzz_inputs.py`, seed {seed}. Every example is read, or refused with an InputError of one "
        f"line; anything else, over {SECONDS} s or {MEMORY / 2**30:.0f} GiB is a finding. Memory is the process's, "
        "kinds one after the other.",
        "",
        "| kind | examples | read | refused | seconds | slowest, ms | largest memory, MB | finding |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {r.name} | {r.examples} | {r.taken} | {r.examples - r.taken} | {r.seconds:.0f} | {1000 * r.slowest:.0f} "
        f"| {r.memory:.0f} | {r.found or 'none'} |"
        for r in rows
    ]
    about = f"Machine: {machine.cpu_model()}; Python {sys.version.split()[0]}, numpy {np.__version__}"
    return "\n".join([*lines, "", f"{about}; commit {machine.commit()}."]) + "\n"


def main() -> int:
    """Exit status: 0 nothing found, 1 found."""
    readers = all_readers()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--examples", type=int, default=100_000, metavar="N", help="of each kind (%(default)s)")
    options.add_argument("--reader", action="append", choices=list(readers), help="kind of file; repeatable (all)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the table as well, after every kind")
    options.add_argument("--keep", type=Path, help="folder for what was found (a temporary one)")
    args = options.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp(prefix="fuzz-inputs-"))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _out_of_time)
    rows = []
    for name in args.reader or readers:
        rows.append(fuzz(name, readers[name], args.examples, args.seed, keep))
        print(rows[-1], flush=True)
        if args.out:
            args.out.write_text(page(rows, args.seed))
    return 1 if any(row.found for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
