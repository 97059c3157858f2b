"""The columns of the 35 music features of EDGE."""

from __future__ import annotations

MUSIC_WIDTH = 35
COLUMNS = {
    "onset_envelope": slice(0, 1), "mfcc": slice(1, 21), "chroma": slice(21, 33), "onsets": slice(33, 34),
    "beats": slice(34, 35),
}  # fmt: skip
"""Where each feature lies in the 35 columns."""
