"""The project's own speed and memory, against others' and against the arithmetic: `make bench`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
