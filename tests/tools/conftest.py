"""Makes the modules of tools/ importable, as they are for a tool that runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
