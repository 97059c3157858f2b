"""Video in: frames, people, 2D poses, the camera's turns, and pictures of what was found.

pip install "genmo-motion[video]"     PyAV, OpenCV and ONNX Runtime; no weights ship: `genmo-get-pose` gets BlazePose

decode      frames of a video file or a camera at 30 a second
networks    one ONNX file: its inputs and outputs, and running it
tflite      `.tflite` files read, their sparse constants unpacked, and written as ONNX
crops       images fitted to a network's input, and points brought back
detectors   YOLOX and DETR-like networks -> boxes of people
poses       RTMPose, ViTPose-like and RTMO networks -> COCO-17 keypoints
blazepose   BlazePose: its two networks, people followed over a video, and its files out of packages
estimator   detector and pose network of the user's together: `PoseEstimator`
assignment  pairs of least cost
tracker     who is who from frame to frame
watch       a whole video -> people, keypoints and the camera
two_view    rotation and direction of travel between two images
odometry    the camera's turns over a video: `--camera vo`
encoder     features of a person's crop by a user-named encoder
overlay     the video with what was found drawn on it
"""

from genmo.runtime.video.blazepose import BlazePose
from genmo.runtime.video.estimator import PoseEstimator
from genmo.runtime.video.frames import frames

__all__ = ["BlazePose", "PoseEstimator", "frames"]
