"""The files of a data set in a local folder: where they lie, and what to do where they do not.

This module does without NumPy, since planning a run asks it too.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from mirage.data.register import DOWNLOADED

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

CIFAR10_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR10_TEST = "test_batch.bin"


@dataclass(frozen=True)
class Layout:
    """The files that a data set consists of."""

    name: str
    files: tuple[str, ...]
    needed: str  # what to get, in words


IDX = Layout(
    "MNIST or Fashion-MNIST",
    (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS),
    "the four IDX files, gzipped or not",
)
CIFAR10 = Layout(
    "CIFAR-10",
    (*CIFAR10_TRAIN, CIFAR10_TEST),
    "the six files of the binary version (cifar-10-binary.tar.gz, unpacked, from "
    "https://www.cs.toronto.edu/~kriz/cifar.html)",
)
# By the name in the configuration. The digits need no folder.
LAYOUTS = {**dict.fromkeys(DOWNLOADED, IDX), "cifar10": CIFAR10}

# What people have instead of these files: patterns of names, in lower case, and what that is.
OTHERS = {
    "the Python version of CIFAR-10": (
        *("data_batch_[1-5]", "test_batch", "batches.meta"),
        *("cifar-10-batches-py*", "cifar-10-python*"),
    ),
    "the Matlab version of CIFAR-10": (
        *("data_batch_*.mat", "test_batch.mat", "cifar-10-batches-mat", "cifar-10-matlab*"),
    ),
    "of CIFAR-100": ("train.bin", "test.bin", "fine_label_names.txt", "cifar-100-*"),
    "an archive of NumPy arrays, as Keras keeps them": ("*.npz",),
    "a pickle": ("*.pkl", "*.pkl.gz", "*.pickle"),
    "a file of PyTorch": ("*.pt", "*.pth"),
    "a table": ("*.csv", "*.csv.gz", "*.parquet", "*.arrow"),
    "a file of TensorFlow Datasets": ("*.tfrecord*",),
}
ARCHIVES = ("*.zip", "*.tar", "*.tar.*", "*.tgz", "*.tbz2", "*.txz", "*.7z", "*.rar")
NEAR = 200  # at most so many folders nearby are looked into, since there may be thousands
SHOWN = 5  # names of a long list


def find(folder: str | Path, name: str) -> Path | None:
    """The path of a file of a data set, under any of the names it is published with.

    They are `train-images-idx3-ubyte` and `train-images.idx3-ubyte`, each with or without `.gz`,
    and, as archives of Kaggle unpack, in a folder of the same name.
    """
    # Older copies of MNIST have a dot there, and so has what some programs unpack.
    names = dict.fromkeys((name, name.replace("-idx", ".idx")))
    spelled = [f"{one}{suffix}" for one in names for suffix in ("", ".gz")]
    inside = [Path(outer, inner) for outer in names for inner in spelled]
    paths = (Path(folder, path) for path in [*spelled, *inside])
    # Unlike the method of Path it says no, and raises nothing, where the folder may not be read.
    return next((path for path in paths if os.path.isfile(path)), None)


def missing(folder: str | Path, layout: Layout) -> list[str]:
    """Names of the files that a folder lacks."""
    return [name for name in layout.files if find(folder, name) is None]


def faults(folder: str | Path, layout: Layout) -> list[str]:
    """What a folder lacks and what to do, a line each; none where all files are there.

    It looks at names only, and reads no file.
    """
    lacks = missing(folder, layout)
    if not lacks:
        return []
    links = [name for name in lacks if os.path.islink(Path(folder, name))]
    return [
        f"missing (with or without .gz): {', '.join(lacks)}",
        *(f"{name} is a link, but not to a file" for name in links),
        f"needed: {layout.needed}",
        *_hints(Path(folder), layout),
    ]


def refusal(folder: str | Path, problems: list[str]) -> str:
    """The message that a folder cannot be used, and why, with its whole path."""
    whole = os.path.abspath(folder)
    place = f"{folder}" if whole == str(folder) else f"{folder} ({whole})"
    what = "cannot be used" if os.path.isdir(folder) else "is not a folder"
    return "\n  ".join([f"the local folder {place} {what}:", *problems])


def _hints(folder: Path, layout: Layout) -> Iterator[str]:
    """What to do about files that are missing, a sentence each."""
    near = next((place for place in _near(folder) if not missing(place, layout)), None)
    if near:
        yield f"all of them lie in {near}: name that folder instead"
        return
    if str(folder).startswith("~"):
        yield "~ is not replaced by your home folder here: write the whole path"
    if os.path.isfile(folder):
        if _any(folder.name, ARCHIVES):
            yield f"{folder.name} is an archive: unpack it, and name the folder of its files"
        else:
            yield "it is a file: name the folder that holds the files"
    elif not os.path.lexists(folder):
        yield "it does not exist: correct the path"
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield "you may not read it: change its permissions"
    else:
        yield from _instead(folder, layout)


def _instead(folder: Path, layout: Layout) -> Iterator[str]:
    """What a folder holds instead of the files of a data set."""
    for other in dict.fromkeys(LAYOUTS.values()):
        if other != layout and len(missing(folder, other)) < len(other.files):
            yield f"it has files of {other.name}: see the key dataset of the configuration"
    unknown = names = sorted(os.listdir(folder))
    for what, patterns in OTHERS.items():
        if found := [name for name in unknown if _any(name, patterns)]:
            yield f"{_shown(found)}: this is {what}, which is not read"
            unknown = [name for name in unknown if name not in found]
    if packed := [name for name in unknown if _any(name, ARCHIVES)]:
        yield f"{_shown(packed)}: not unpacked; if it is the right one, unpack it"
    elif unknown == names and len(missing(folder, layout)) == len(layout.files):
        yield f"it holds: {_shown(names)}" if names else "it is empty"


def _near(folder: Path) -> Iterator[Path]:
    """Folders up to two levels below (torchvision's MNIST/raw), the one above, those beside."""
    folder = Path(os.path.abspath(folder))
    below = _subfolders(folder)
    deeper = (path for one in below for path in _subfolders(one))
    above = (folder.parent, *_subfolders(folder.parent))
    places = itertools.chain(below, itertools.islice(deeper, NEAR), above)
    return (place for place in places if place != folder)


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir())[:NEAR]
    except OSError:  # not a folder, or not ours to read
        return []


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name.lower(), pattern) for pattern in patterns)


def _shown(names: list[str]) -> str:
    """The first names of a list, and how many there are besides."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
