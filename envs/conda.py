"""Write environment.yaml, the conda environment, from the lock: `make lock` runs this.

The packages come from the package index, as in the container, since not all of them have the same
version at conda-forge. Standard library only, so that any Python will do.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = """\
# Written by `make lock` from requirements.txt: the same versions, for `snakemake --sdm conda`.
name: mirage
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """The lines `name==version ; marker` of a lock, without the hashes."""
    return [line.rstrip(" \\") for line in lock.splitlines() if re.match(r"\w[^ ]*==", line)]


def environment(lock: str) -> str:
    """The conda environment with the versions of a lock, as YAML."""
    return HEAD + "".join(f'      - "{pin}"\n' for pin in pins(lock))


if __name__ == "__main__":
    text = environment((FOLDER / "requirements.txt").read_text(encoding="utf-8"))
    (FOLDER / "environment.yaml").write_text(text, encoding="utf-8")
