"""The project's own speed and memory, against others' and against the arithmetic: `make bench`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# In tests/helpers is what copies and starts the workflow.
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/helpers")]
