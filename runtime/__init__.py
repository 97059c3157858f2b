"""genmo's runtime: load an engine, make motions, save them.  Needs numpy and one inference library.

from genmo.runtime import MotionModel, save_motion

model = MotionModel.load()
save_motion("walk.glb", model.generate("a person walks forward", frames=150)[0])
"""

from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import CameraSpan, FeatureSpan, KeypointSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.formats import load_motion, save_motion
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.readers.constraints import read_joint_targets, read_keyframes
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.readers.pose_results import keypoints_from_results
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.refine.joining import blend
from genmo.runtime.retarget.keyframes import keyframes_from_file, motion_from_file
from genmo.runtime.streaming.crowd import Crowd
from genmo.runtime.streaming.motion_ahead import MotionAhead
from genmo.runtime.streaming.motion_generator import MotionGenerator
from genmo.runtime.streaming.motion_stream import MotionStream
from genmo.runtime.streaming.root_plan import RootPath, Stick
from genmo.runtime.streaming.stream_pose import StreamPose
from genmo.runtime.support.errors import BackendError, EngineError, GenmoError, InputError
from genmo.runtime.support.version import __version__ as __version__

__all__ = [
    "BackendError",
    "Camera",
    "CameraSpan",
    "Crowd",
    "EngineError",
    "FeatureSpan",
    "GenmoError",
    "InputError",
    "JointTargets",
    "Keyframes",
    "KeypointSpan",
    "Keypoints",
    "Motion",
    "MotionAhead",
    "MotionGenerator",
    "MotionModel",
    "MotionStream",
    "RootPath",
    "Stick",
    "StreamPose",
    "Text",
    "Timeline",
    "blend",
    "keyframes_from_file",
    "keypoints_from_results",
    "load_motion",
    "motion_from_file",
    "read_joint_targets",
    "read_keyframes",
    "read_keypoints",
    "read_timeline",
    "save_motion",
]
