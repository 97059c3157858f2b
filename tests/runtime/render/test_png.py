"""Pictures written without a library, read by one."""

import io

import numpy as np
from PIL import Image

from genmo.runtime.render.png import png


def test_what_is_written_is_read():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)
