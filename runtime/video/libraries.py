"""The optional libraries of a video, or one line that says how to get them."""

from __future__ import annotations

import importlib
from typing import Any

from genmo.runtime.support.errors import BackendError

_NEEDED = {"av": ("PyAV", "video"), "cv2": ("OpenCV", "video"), "onnxruntime": ("ONNX Runtime", "video")}
"""module -> what people call it, the extra of genmo that has it"""


def library(name: str) -> Any:
    """The module `av`, `cv2` or `onnxruntime`.  Raises BackendError with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        called, extra = _NEEDED[name]
        command = f'pip install "genmo-motion[{extra}]"'
        raise BackendError(f"video needs {called}, which is not installed; wanted: {command}") from None
