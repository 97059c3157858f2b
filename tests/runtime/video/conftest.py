"""Makes `conftest_video`, the makers of videos and networks, importable from the tests beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
