"""The register of data sets, register.yaml; it does without NumPy, since planning asks, too."""

import math
from pathlib import Path

import yaml

# Name of a data set -> its entry.
REGISTER = yaml.safe_load(Path(__file__).with_name("register.yaml").read_text(encoding="utf-8"))
# Training images, test images, and values of an image of each data set.
SIZES = {
    name: (one["images"]["train"], one["images"]["test"], math.prod(one["images"]["shape"]))
    for name, one in REGISTER.items()
}
# Images that train and validate, where a configuration does not say.
SPLITS = {name: one["split"] for name, one in REGISTER.items()}
# Those that have mirrors; all are four IDX files.
DOWNLOADED = tuple(name for name, one in REGISTER.items() if "mirrors" in one)


def checksum(dataset: str, file: str) -> tuple[str, str]:
    """A name of hashlib, and the hexadecimal sum of a file's uncompressed content."""
    entry = REGISTER[dataset]["files"][file]
    (algorithm,) = set(entry) - {"size"}
    return algorithm, entry[algorithm]
