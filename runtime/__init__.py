"""genmo's runtime: load an engine, make motions, save them.  Needs numpy and one inference library.

from genmo.runtime import MotionModel, save_motion

model = MotionModel.load()
save_motion("walk.glb", model.generate("a person walks forward", frames=150)[0])
"""

from genmo.runtime.conditions import Keypoints, Text, read_keypoints
from genmo.runtime.errors import BackendError, EngineError, GenmoError, InputError
from genmo.runtime.formats import load_motion, save_motion
from genmo.runtime.model import MotionModel
from genmo.runtime.motion import Camera, Motion

__all__ = [
    "BackendError",
    "Camera",
    "EngineError",
    "GenmoError",
    "InputError",
    "Keypoints",
    "Motion",
    "MotionModel",
    "Text",
    "load_motion",
    "read_keypoints",
    "save_motion",
]
