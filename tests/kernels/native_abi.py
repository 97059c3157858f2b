"""genmo.h as ctypes, for tests."""

import ctypes

import numpy as np

from genmo.runtime.support.native import call, library, sized

JOINTS = 24
INT = ctypes.c_int32
PROGRESS = ctypes.CFUNCTYPE(INT, ctypes.c_void_p, ctypes.c_float)
ARRAYS = {
    "rotations": (JOINTS, 4), "translation": (3,), "joints": (JOINTS, 3), "contacts": (6,), "offsets": (JOINTS, 3),
    "betas": (10,),
}  # fmt: skip
"""shape of a frame; the last two are of the whole motion"""


def fields(**kinds):
    return [("size", ctypes.c_uint32), *((name, kind) for names, kind in kinds.items() for name in names.split("__"))]


class Options(ctypes.Structure):
    _fields_ = fields(fast__threads__trusted__reserve=INT)


class Text(ctypes.Structure):
    _fields_ = [("prompt", ctypes.c_char_p), ("start", INT), ("end", INT)]


class Action(ctypes.Structure):
    _fields_ = [
        ("start", INT), ("end", INT), ("prompt", ctypes.c_char * 1024), ("arms", ctypes.c_char * 1024),
        ("turn", ctypes.c_double), ("side", INT),
    ]  # fmt: skip


class Motion(ctypes.Structure):
    _fields_ = fields(capacity__frames=INT, **{"__".join(ARRAYS): ctypes.c_void_p})


class Generation(ctypes.Structure):
    _fields_ = [
        *fields(frames=INT), ("texts", ctypes.POINTER(Text)), ("text_count", INT), ("steps", INT),
        ("guidance", ctypes.c_double), ("seed", ctypes.c_uint64), ("sample", ctypes.c_uint32), ("whole_texts", INT),
        ("loose_feet", INT), ("progress", PROGRESS), ("user", ctypes.c_void_p),
    ]  # fmt: skip


class File(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_char_p), ("bytes", ctypes.c_size_t)]


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

    def generate(self, texts, frames=120, progress=None, **options):
        """The motion's arrays by name; `texts`: a prompt, or (prompt, start, end) of several."""
        texts = [(texts, 0, 0)] if isinstance(texts, str) else texts
        table = (Text * len(texts))(*(Text(prompt.encode(), start, end) for prompt, start, end in texts))
        arrays = {
            name: np.full(shape if name in ("offsets", "betas") else (frames, *shape), np.nan, np.float32)
            for name, shape in ARRAYS.items()
        }
        pointers = {name: array.ctypes.data for name, array in arrays.items()}
        motion = sized(Motion, capacity=frames, **pointers)
        heard = PROGRESS() if progress is None else PROGRESS(lambda user, share: progress(share))
        generation = sized(Generation, frames=frames, texts=table, text_count=len(texts), progress=heard, **options)
        call("genmo_generate", self.handle, ctypes.byref(generation), ctypes.byref(motion))
        assert motion.frames == frames
        return arrays

    def read(self, prompt, tokens, width):
        """Token vectors [tokens, width] and their mask [tokens]."""
        vectors, mask = np.empty((tokens, width), np.float32), np.empty(tokens, np.float32)
        arrays = (ctypes.c_void_p(array.ctypes.data) for array in (vectors, mask))
        call("genmo_read_text", self.handle, prompt.encode(), *arrays)
        return vectors, mask


def actions(prompt, start, end, frames):
    """Prompt, start and end of each action of a text, and what the arms do meanwhile ("": the same)."""
    return [
        (one.prompt.decode(), one.start, one.end, one.arms.decode()) for one in read_actions(prompt, start, end, frames)
    ]


def turn(prompt):
    """Radians and side (1 left, -1 right, 0 not said) of the turn that a prompt of one action says; (0, 0): none."""
    (one,) = read_actions(prompt, 0, 0, 1)  # too short to be divided
    return one.turn, one.side


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
