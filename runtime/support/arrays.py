"""Names of array types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Arrays = dict[str, Array]
Image = npt.NDArray[np.uint8]
"""[height, width, 3] RGB"""
