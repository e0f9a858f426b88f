"""Where the workflow's own files lie: its studies and published values."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# An installed package has them within it (pyproject.toml), else they are the repository's.
FOLDER = _PACKAGE if (_PACKAGE / "studies").is_dir() else _PACKAGE.parents[1]
