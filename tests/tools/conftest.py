"""Makes the modules of tools/ importable, as they are for a tool that runs, and the weak labels that tests/features makes."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent / "tools"), str(TESTS / "features")]
