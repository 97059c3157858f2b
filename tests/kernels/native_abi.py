"""genmo.h as ctypes, for tests."""

import ctypes

import numpy as np

from genmo.runtime.support.native import address, call, library, sized

JOINTS = 24
INT = ctypes.c_int32
PROGRESS = ctypes.CFUNCTYPE(INT, ctypes.c_void_p, ctypes.c_float)
ARRAYS = {
    "rotations": (JOINTS, 4), "translation": (3,), "joints": (JOINTS, 3), "contacts": (6,), "offsets": (JOINTS, 3),
    "betas": (10,), "root_in_camera": (7,),
}  # fmt: skip
"""shape of a frame, but of the whole motion for ONCE"""
ONCE = ("offsets", "betas")
ANSWERED = {name: shape for name, shape in ARRAYS.items() if name != "root_in_camera"}
"""of motions that no camera sees"""


def fields(**kinds):
    return [("size", ctypes.c_uint32), *((name, kind) for names, kind in kinds.items() for name in names.split("__"))]


class Options(ctypes.Structure):
    _fields_ = fields(fast__threads__trusted__reserve=INT)


class Text(ctypes.Structure):
    _fields_ = [("prompt", ctypes.c_char_p), ("start", INT), ("end", INT)]


class Action(ctypes.Structure):
    _fields_ = [
        ("start", INT), ("end", INT), ("prompt", ctypes.c_char * 1024), ("arms", ctypes.c_char * 1024),
        ("turn", ctypes.c_double), ("most_turn", ctypes.c_double), ("side", INT),
    ]  # fmt: skip


class Motion(ctypes.Structure):
    _fields_ = fields(capacity__frames=INT, **{"__".join(ARRAYS): ctypes.c_void_p, "camera_rise": ctypes.c_float})


class Keypoints(ctypes.Structure):
    _fields_ = fields(
        frames=INT,
        points__feet__intrinsics=ctypes.c_void_p,
        image_width__image_height=ctypes.c_double,
        camera_to_world=ctypes.c_void_p,
        ground_unknown=INT,
        noise=ctypes.c_double,
    )


class Estimation(ctypes.Structure):
    _fields_ = fields(raw_keypoints__unfitted__loose_feet=INT, progress=PROGRESS, user=ctypes.c_void_p)


FINISHED = {
    "rotations": (JOINTS, 3, 3), "translation": (3,), "contacts": (6,), "betas": (10,), "root_rotation": (3, 3),
    "root_translation": (3,),
}  # fmt: skip
"""of genmo_estimate_arrays, as ARRAYS"""


class EstimateArrays(ctypes.Structure):
    _fields_ = fields(**{"__".join(FINISHED): ctypes.c_void_p})


class Seed(ctypes.Structure):
    _fields_ = [("start", INT), ("end", INT), ("seed", ctypes.c_uint64)]


class Reference(ctypes.Structure):
    _fields_ = [
        ("start", INT), ("frames", INT), ("rotations", ctypes.c_void_p), ("translation", ctypes.c_void_p),
        ("contacts", ctypes.c_void_p), ("strength", ctypes.c_float),
    ]  # fmt: skip


class Keyframe(ctypes.Structure):
    _fields_ = [("frame", INT), ("rotations", ctypes.c_void_p), ("root", ctypes.c_void_p)]


class JointTarget(ctypes.Structure):
    _fields_ = [("frame", INT), ("joint", INT), ("position", ctypes.c_double * 3)]


class Heading(ctypes.Structure):
    _fields_ = [("frame", INT), ("radians", ctypes.c_double)]


class Generation(ctypes.Structure):
    _fields_ = [
        *fields(frames=INT), ("texts", ctypes.POINTER(Text)), ("text_count", INT), ("steps", INT),
        ("guidance", ctypes.c_double), ("seed", ctypes.c_uint64), ("sample", ctypes.c_uint32), ("whole_texts", INT),
        ("loose_feet", INT), ("seed_count", INT), ("seeds", ctypes.c_void_p), ("reference_count", INT),
        ("references", ctypes.c_void_p), ("progress", PROGRESS),
        ("user", ctypes.c_void_p), ("keyframe_count", INT), ("keyframes", ctypes.c_void_p), ("target_count", INT),
        ("targets", ctypes.c_void_p), ("heading_count", INT), ("headings", ctypes.c_void_p), ("tries", INT),
    ]  # fmt: skip


class File(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_char_p), ("bytes", ctypes.c_size_t)]


def empty(shapes, frames, dtype):
    """Arrays of NaN by name."""
    return {name: np.full(shape if name in ONCE else (frames, *shape), np.nan, dtype) for name, shape in shapes.items()}


def pointers(arrays):
    return {name: array.ctypes.data for name, array in arrays.items()}


def keypoints_of(keypoints, **changed):
    """genmo_keypoints of the runtime's, whose points are rounded to float32."""
    arrays = {"points": np.ascontiguousarray(keypoints.points, np.float32)}
    if keypoints.feet is not None:
        arrays["feet"] = np.ascontiguousarray(keypoints.feet, np.float32)
    if keypoints.intrinsics is not None:
        arrays["intrinsics"] = np.ascontiguousarray(keypoints.intrinsics, np.float64)
    camera = keypoints.camera
    if camera is not None:
        poses = np.tile(np.eye(4), (keypoints.frames, 1, 1))
        poses[:, :3, :3], poses[:, :3, 3] = camera.rotation, camera.position
        arrays["camera_to_world"] = poses
        changed.setdefault("ground_unknown", not camera.ground_known)
    fields = {"frames": keypoints.frames, "noise": keypoints.noise or 0.0} | pointers(arrays) | changed
    given = sized(Keypoints, **fields)
    given.kept = arrays  # for as long as the pointers
    return given


def reference_of(start, strength, rotations, translation, contacts):
    """genmo_reference of float32 arrays, which the caller keeps."""
    arrays = (None if array is None else array.ctypes.data for array in (rotations, translation, contacts))
    return Reference(start, len(translation), *arrays, strength)


def table_of(kind, rows):
    """The fields of a generation for the rows of one kind of constraint, in an array that the caller keeps."""
    name, table = {Keyframe: "keyframe", JointTarget: "target", Heading: "heading"}[kind], (kind * len(rows))(*rows)
    return table, {f"{name}_count": len(rows), f"{name}s": ctypes.addressof(table)}


def keyframe_of(frame, rotations, root=None):
    """genmo_keyframe of float32 arrays [24, 4] and [3], which the caller keeps."""
    return Keyframe(frame, rotations.ctypes.data, None if root is None else root.ctypes.data)


def target_of(frame, joint, position):
    return JointTarget(frame, joint, (ctypes.c_double * 3)(*position))


def constrained_by(keyframes=(), targets=(), headings=()):
    """Arrays to keep and fields of (frame, rotations [24, 4], root [3] or None), (frame, joint, position) and (frame,
    radians)."""
    parts = [
        table_of(Keyframe, [keyframe_of(*one) for one in keyframes]),
        table_of(JointTarget, [target_of(*one) for one in targets]),
        table_of(Heading, [Heading(*one) for one in headings]),
    ]
    return [table for table, _ in parts], {name: value for _, given in parts for name, value in given.items()}


def solved(motion, constraints, anchored=None):
    """Rotations [frames, 24, 3, 3] and translation [frames, 3] of a motion after genmo_solve_constraints."""
    kept, fields = constrained_by(**constraints)
    rotations, translation = motion.rotations.copy(), motion.translation.copy()
    offsets = np.ascontiguousarray(motion.rest_offsets, np.float64)
    wanted = sized(Generation, frames=motion.frames, **fields)
    stays = None if anchored is None else anchored.astype(np.uint8)
    wanted.kept = kept  # for as long as the pointers
    arrays = (array if array is None else address(array) for array in (offsets, stays, rotations, translation))
    call("genmo_solve_constraints", ctypes.byref(wanted), *arrays)
    return rotations, translation


def cleaned(keypoints):
    """Points [frames, 17, 3] and feet [frames, 4, 3] or None after genmo_clean_keypoints."""
    points = np.full((keypoints.frames, 17, 3), np.nan)
    feet = None if keypoints.feet is None else np.full((keypoints.frames, 4, 3), np.nan)
    given = ctypes.byref(keypoints_of(keypoints))
    call("genmo_clean_keypoints", given, address(points), feet if feet is None else address(feet))
    return points, feet


def conditions(keypoints):
    """The float32 arrays of genmo_keypoint_conditions by name."""
    frames = keypoints.frames
    shapes = {"keypoints": (17, 3), "bounding_box": (3,), "camera": (12,)}
    arrays = [np.full((frames, *shape), np.nan, np.float32) for shape in shapes.values()]
    masks = np.full((3, frames), np.nan, np.float32)
    call("genmo_keypoint_conditions", ctypes.byref(keypoints_of(keypoints)), *map(address, (*arrays, masks)))
    return dict(zip(shapes, arrays, strict=True)) | {
        f"{name}_mask": mask for name, mask in zip(shapes, masks, strict=True)
    }


def finished(keypoints, features, stages, **options):
    """The float64 arrays of genmo_finish_estimate by name."""
    arrays, values = empty(FINISHED, keypoints.frames, np.float64), np.ascontiguousarray(features, np.float64)
    estimation, out = sized(Estimation, **options), sized(EstimateArrays, **pointers(arrays))
    given = ctypes.byref(keypoints_of(keypoints))
    call("genmo_finish_estimate", given, ctypes.byref(estimation), address(values), INT(stages), ctypes.byref(out))
    return arrays


class Model:
    """An engine in libgenmo."""

    def __init__(self, folder=None, files=None, **options):
        self.handle = ctypes.c_void_p()
        end = ctypes.byref(sized(Options, **options)), ctypes.byref(self.handle)
        if files is None:
            call("genmo_open", str(folder).encode(), *end)
        else:
            table = (File * len(files))(*(File(name.encode(), data, len(data)) for name, data in files.items()))
            call("genmo_open_memory", table, len(files), *end)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        library().genmo_close(self.handle)

    def generate(
        self,
        texts,
        frames=120,
        progress=None,
        seeds=(),
        references=(),
        constraints=None,
        earlier="",
        tries=1,
        **options,
    ):
        """The motion's arrays by name; `texts`: a prompt, or (prompt, start, end) of several; `seeds` (start, end,
        seed); `references`: (start, strength, rotations [frames, 24, 4], translation [frames, 3], contacts or None);
        `constraints`: those of `constrained_by`; `earlier`: by a program that was compiled before
        the generation had this field."""
        texts = [(texts, 0, 0)] if isinstance(texts, str) else texts
        table = (Text * len(texts))(*(Text(prompt.encode(), start, end) for prompt, start, end in texts))
        arrays = empty(ARRAYS, frames, np.float32)
        motion = sized(Motion, capacity=frames, **pointers(arrays))
        heard = PROGRESS() if progress is None else PROGRESS(lambda user, share: progress(share))
        own = (Seed * len(seeds))(*(Seed(*seed) for seed in seeds))
        options |= {"seed_count": len(seeds), "seeds": ctypes.addressof(own)}
        like = (Reference * len(references))(*(reference_of(*reference) for reference in references))
        options |= {"reference_count": len(references), "references": ctypes.addressof(like)}
        kept, constrained = constrained_by(**constraints or {})
        options |= constrained
        generation = sized(
            Generation, frames=frames, texts=table, text_count=len(texts), progress=heard, tries=tries, **options
        )
        generation.kept = kept  # for as long as the pointers
        if earlier:
            generation.size = getattr(Generation, earlier).offset
        call("genmo_generate", self.handle, ctypes.byref(generation), ctypes.byref(motion))
        assert motion.frames == frames
        return arrays

    def estimate(self, keypoints, progress=None, given=None, **options):
        """The motion's arrays by name, and `camera_rise`, of keypoints of the runtime with these fields `given`."""
        arrays = empty(ARRAYS, keypoints.frames, np.float32)
        motion = sized(Motion, capacity=keypoints.frames, **pointers(arrays))
        heard = PROGRESS() if progress is None else PROGRESS(lambda user, share: progress(share))
        estimation, given = sized(Estimation, progress=heard, **options), keypoints_of(keypoints, **given or {})
        call("genmo_estimate", self.handle, *map(ctypes.byref, (given, estimation, motion)))
        assert motion.frames == keypoints.frames
        return arrays | {"camera_rise": motion.camera_rise}

    def read(self, prompt, tokens, width):
        """Token vectors [tokens, width] and their mask [tokens]."""
        vectors, mask = np.empty((tokens, width), np.float32), np.empty(tokens, np.float32)
        arrays = (ctypes.c_void_p(array.ctypes.data) for array in (vectors, mask))
        call("genmo_read_text", self.handle, prompt.encode(), *arrays)
        return vectors, mask

    def said(self, prompt, traits):
        """What a text says of each of so many traits [traits] float32, and its amount."""
        weights, amount = np.full(traits, np.nan, np.float32), ctypes.c_double()
        where = ctypes.c_void_p(weights.ctypes.data)
        call("genmo_said_traits", self.handle, prompt.encode(), where, INT(traits), ctypes.byref(amount))
        return weights, amount.value


def traits(joints, start, end, names):
    """Which of the names a stretch of world joints [frames, 24, 3] has: 0, 1, or 2 for no trait."""
    over, known = np.full(len(names), 9, np.uint8), (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
    joints = np.ascontiguousarray(joints, np.float64)
    where = ctypes.c_int64(start), ctypes.c_int64(end), INT(len(names)), known, ctypes.c_void_p(over.ctypes.data)
    call("genmo_traits", ctypes.c_int64(len(joints)), ctypes.c_void_p(joints.ctypes.data), *where)
    return over


def actions(prompt, start, end, frames):
    """Prompt, start and end of each action of a text, and what the arms do meanwhile ("": the same)."""
    return [
        (one.prompt.decode(), one.start, one.end, one.arms.decode()) for one in read_actions(prompt, start, end, frames)
    ]


def turn(prompt):
    """Radians and side (1 left, -1 right, 0 not said) of the turn that a prompt of one action says, and from which
    angle on it is made so, where it says none; zeros: no turn."""
    (one,) = read_actions(prompt, 0, 0, 1)  # too short to be divided
    return one.turn, one.side, one.most_turn


def read_actions(prompt, start, end, frames):
    found, count = (Action * 64)(), INT()
    text = Text(prompt.encode(), start, end)
    call("genmo_actions", ctypes.byref(text), INT(frames), found, INT(64), ctypes.byref(count))
    return found[: count.value]


def noise(seed, sample, count):
    """[count] float32."""
    values = np.empty(count, np.float32)
    function = library().genmo_noise
    function.restype = None
    where = ctypes.c_void_p(values.ctypes.data)
    function(ctypes.c_uint64(seed), ctypes.c_uint32(sample), ctypes.c_int64(count), where)
    return values
