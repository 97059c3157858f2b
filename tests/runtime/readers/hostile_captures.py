"""Keypoints and cameras for `hostile_files.py`: suffix and content of each by its name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from genmo.runtime.readers.keypoint_layouts import COCO_NAMES

Files = dict[str, tuple[str, str]]
PERSON = {"pose_keypoints_2d": [1.0, 2.0, 0.5] * 17}
COCO = {"image_id": 1, "keypoints": PERSON["pose_keypoints_2d"]}
PLACES = {"keypoints": [[1.0, 2.0]] * 17, "keypoint_scores": [0.5] * 17}
LANDMARKS = [{"x": 0.5, "y": 0.5}] * 33


def crowds(many: int) -> dict[str, Any]:
    """Documents of `many` people in one frame."""
    return {
        "OpenPose": [{"people": many * [PERSON]}],
        "COCO": many * [COCO],
        "COCO's annotations": {"images": [{"id": 1}], "annotations": many * [COCO]},
        "MMPose": [{"frame_id": 0, "instances": many * [PLACES]}],
        "MMPose of an image": many * [PLACES],
        "lists": [many * [PLACES]],
        "ViTPose": {
            "skeleton": {str(at): name for at, name in enumerate(COCO_NAMES)},
            "keypoints": [{str(at): [[1, 2, 0.5]] * 17 for at in range(many)}],
        },
        "AlphaPose": {"1.jpg": {"bodies": many * [{"joints": PERSON["pose_keypoints_2d"]}]}},
        "AlphaPose like OpenPose": {"1.jpg": {"people": many * [PERSON]}},
        "MediaPipe": {"image_width": 9, "image_height": 9, "frames": [{"pose_landmarks": many * [LANDMARKS]}]},
    }


def keypoints(many: int) -> Files:
    """Files of keypoints."""
    result = {f"many of {name} in a frame": document for name, document in crowds(many).items()}
    result["long names of keypoints, again and again"] = {
        "images": [{"id": at} for at in range(3000)],
        "annotations": [COCO | {"image_id": at} for at in range(3000)],
        "categories": [{"keypoints": 17 * [10**5 * [0]]}],
    }
    result["an id without end"] = [COCO | {"image_id": 10**6 * "x"}]
    result["infinity"] = [COCO | {"keypoints": 17 * [1e999, 1.0, 1.0]}]
    files = {name: (".json", json.dumps(document)) for name, document in result.items()}
    files["an id of 400 digits"] = ".json", f'[{{"image_id": {"9" * 400}, "keypoints": []}}]'
    files["lists"] = ".json", "[" + "[],[]," * 5_000_000 + "[]]"
    return files


def cameras() -> Files:
    """Files of camera poses."""
    pose = np.eye(4).tolist()
    letters = {f"k{at}": 0 for at in range(100_000)}
    documents: dict[str, Any] = {
        "a million frames": {"frames": 10**6 * [{"transform_matrix": 0}]},
        "a large head of many frames": letters | {"frames": 20_000 * [{"transform_matrix": pose}]},
        "a model of lists": {"camera_model": 10**5 * [[0]], "frames": [{"transform_matrix": pose}]},
        "a size of 1e308": {"w": 1e308, "h": 9, "fl_x": 9, "frames": [{"transform_matrix": pose}]},
    }
    return {
        "a million poses": (".txt", "0 0 0 0 0 0 0 1\n" * 10**6),
        "stamps of 1e308": (".txt", "1e308 0 0 0 0 0 0 1\n-1e308 0 0 0 0 0 0 1\n"),
        "places of 1e308": (".txt", "1 1e308 0 0 0 0 0 1\n"),
        **{name: (".json", json.dumps(document)) for name, document in documents.items()},
    }
