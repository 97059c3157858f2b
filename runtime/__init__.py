"""genmo's runtime: load an engine, make motions, save them.  Needs numpy and one inference library.

from genmo.runtime import MotionModel, save_motion

model = MotionModel.load()
save_motion("walk.glb", model.generate("a person walks forward", frames=150)[0])
"""

from genmo.runtime.conditions import CameraSpan, FeatureSpan, Keypoints, KeypointSpan, Text, read_keypoints
from genmo.runtime.errors import BackendError, EngineError, GenmoError, InputError
from genmo.runtime.formats import load_motion, save_motion
from genmo.runtime.generator import MotionGenerator
from genmo.runtime.keyframes import Keyframes, Places, read_keyframes, read_places
from genmo.runtime.model import MotionModel
from genmo.runtime.motion import Camera, Motion
from genmo.runtime.stream import MotionStream, StreamPose
from genmo.runtime.timeline import Timeline, read_timeline

__all__ = [
    "BackendError",
    "Camera",
    "CameraSpan",
    "EngineError",
    "FeatureSpan",
    "GenmoError",
    "InputError",
    "Keyframes",
    "KeypointSpan",
    "Keypoints",
    "Motion",
    "MotionGenerator",
    "MotionModel",
    "MotionStream",
    "Places",
    "StreamPose",
    "Text",
    "Timeline",
    "load_motion",
    "read_keyframes",
    "read_keypoints",
    "read_places",
    "read_timeline",
    "save_motion",
]
