"""Anybody's images and labels, in the shape that a model takes.

What is told apart by the model is done; what could be read in two ways is asked for.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mirage.auditing.errors import AuditError
from mirage.auditing.range import RANGES, Range
from mirage.data import datasets, folders
from mirage.data.images import DataError
from mirage.data.register import REGISTER

# Names of images and of their labels in an .npz file; the first pair that is there is taken.
PAIRS = (
    ("images", "labels"),
    ("x_test", "y_test"),
    ("test_images", "test_labels"),
    ("X_test", "y_test"),
    ("x", "y"),
    ("X", "y"),
)
NAMES = tuple(REGISTER)
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
# Share of a range that the values of data in it cover at least.
COVERED = 0.75


@dataclass(frozen=True, eq=False)
class Data:
    """Images and labels as a model takes them, but for the range of its pixels.

    Attributes:
        images: Shape (n, *the model's), float32 (float64 where the file has it), in 0 to 1.
        labels: Shape (n,), int64, 0 to classes - 1.
        raw: Range of the pixels in the file, which is now 0 to 1.
        stated: The same where the file has floats: then a person has brought them into it, as for
            the model. None where it has bytes.
        notes: How it was read, a sentence each.
    """

    images: np.ndarray
    labels: np.ndarray
    raw: Range
    stated: Range | None
    notes: tuple[str, ...]


def read(
    source: str | Path,
    shape: Sequence[int | None],
    classes: int,
    folder: str | Path | None = None,
    given: Range | None = None,
) -> Data:
    """Read images and labels for a model.

    Args:
        source: An `.npz` file; a folder with the IDX files of a test set; `IMAGES,LABELS`, two IDX
            files; a folder that has one of images for each class; or a name in `NAMES`.
        shape: Of one image as the model takes it; None for a size that it leaves open.
        classes: Number of classes.
        folder: Of the data set that is named; where it is not given, `MNIST_DIR`.
        given: The range of pixels that the user says, for data of which it cannot be told.

    Raises:
        AuditError: They cannot be read, do not fit the model, or could be read in several ways.
    """
    name = os.fspath(source)
    try:
        images, labels, note = _arrays(name, tuple(shape), classes, folder)
    except DataError as error:
        raise AuditError(str(error)) from None
    except OSError as error:
        raise AuditError(f"{name}: it cannot be read ({error.strerror or error}).") from None
    return of_arrays(images, labels, shape, classes, name, given, note)


def of_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    shape: Sequence[int | None],
    classes: int,
    name: str = "data",
    given: Range | None = None,
    note: str = "",
) -> Data:
    """Images and labels in memory, as `read` gives those of a file.

    Args:
        images: Shape (n, ...), bytes or floats; channels first or last, or flat.
        labels: Shape (n,) or (n, 1), or one-hot (n, classes).
        shape: As in `read`.
        classes: As in `read`.
        name: How messages call them.
        given: As in `read`.
        note: How they were read.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype.kind not in "uifb" or images.ndim < 2:
        raise AuditError(f"{name}: the images are {images.dtype} of shape {images.shape}.")
    if not images.size:
        raise AuditError(f"{name}: it has no images. At least one is needed.")
    if len(images) != len(labels):
        raise AuditError(f"{name}: it has {len(images)} images and {len(labels)} labels.")
    labels = _classes(labels, classes, name)
    images, placed = _shaped(images, tuple(shape), name)
    raw = _range(images, name, given)
    stated = None if images.dtype.kind in "uib" else raw
    images = images.astype(np.float64 if images.dtype == np.float64 else np.float32)
    if raw != (0, 1):
        low, size = (images.dtype.type(one) for one in (raw[0], raw[1] - raw[0]))
        # Rounding may leave the ends.
        images = np.clip((images - low) / size if low else images / size, 0, 1)
    notes = (one for one in (note, placed) if one)
    return Data(images, labels, raw, stated, tuple(notes))


def _arrays(
    name: str, shape: tuple, classes: int, folder: str | Path | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Images and labels of a source as they are there, and how they were read."""
    if name in NAMES and not Path(name).exists():
        return _named(name, shape, folder)
    if "," in name and not Path(name).exists():
        return _pair(*name.split(",", 1))
    path = Path(name)
    if path.is_dir():
        found = [folders.find(path, one) for one in (folders.TEST_IMAGES, folders.TEST_LABELS)]
        if all(found):
            return _pair(*found)
        return _by_class(path, classes)
    if not path.exists():
        raise AuditError(
            f"{name}: there is no such file or folder. Data are an .npz file, a folder of IDX "
            f"files, IMAGES,LABELS (two IDX files), a folder of images by class, or one of "
            f"{', '.join(NAMES)}."
        )
    if path.suffix != ".npz":
        raise AuditError(
            f"{name}: it is no .npz file. Save it with `numpy.savez(file, images=..., labels=...)`;"
            " of two IDX files give both: IMAGES,LABELS."
        )
    return _archive(path, shape, classes)


def _named(
    name: str, shape: tuple, folder: str | Path | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """The test set of a data set."""
    if name == "digits":
        return *datasets.digits()[1], "Test set of digits."
    folder = folder or os.environ.get("MNIST_DIR")
    if not folder:
        raise AuditError(f"{name}: name its folder, by --data-folder or by MNIST_DIR.")
    if name == "cifar10":
        if len(shape) == 1:
            raise AuditError(
                "cifar10: the model takes flat images, and does not say whether the channels come "
                "first or last. Give an .npz file with images flattened as for the model."
            )
        return *datasets.read_cifar10(folder)[1], "Test set of cifar10."
    return *datasets.read_folder(folder)[1], f"Test set of {name}."


def _pair(images: str | Path, labels: str | Path) -> tuple[np.ndarray, np.ndarray, str]:
    return datasets.read_idx(images), datasets.read_idx(labels), f"IDX files {images}, {labels}."


def _archive(path: Path, shape: tuple, classes: int) -> tuple[np.ndarray, np.ndarray, str]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except Exception as error:  # NumPy raises what its parts raise
        raise AuditError(f"{path}: not a readable .npz file of arrays ({error}).") from None
    for pair in PAIRS:
        if all(one in arrays for one in pair):
            break
    else:
        pair = [
            [one for one, array in arrays.items() if fits(array)]
            for fits in (lambda array: _may_be(array, shape), lambda array: _labels(array, classes))
        ]
        if [len(one) for one in pair] != [1, 1]:
            found = ", ".join(f"{one} {array.shape}" for one, array in arrays.items())
            raise AuditError(
                f"{path}: it has the arrays {found}; which are the images and which the labels "
                "cannot be told. Name them images and labels."
            )
        pair = [one for (one,) in pair]
    images, labels = (arrays[one] for one in pair)
    return images, labels, f"Arrays {pair[0]} and {pair[1]} of {path}."


def _may_be(array: np.ndarray, shape: tuple) -> bool:
    """Whether an array may be of images for a model: as many values, or sizes that fit."""
    return array.ndim > 1 and bool(_placements(array.shape[1:], shape))


def _labels(array: np.ndarray, classes: int) -> bool:
    """Whether an array has the shape of labels."""
    return array.shape[1:] in ((), (1,), (classes,)) and array.ndim > 0


def _by_class(path: Path, classes: int) -> tuple[np.ndarray, np.ndarray, str]:
    """A folder that has a folder of images for each class."""
    names = sorted(one.name for one in path.iterdir() if one.is_dir() and one.name[0] != ".")
    if len(names) != classes:
        raise AuditError(
            f"{path}: it has {len(names)} folders, and the model {classes} classes. It must have "
            "a folder of images for each class, or the IDX files of a test set."
        )
    if all(one.isdigit() for one in names) and names != sorted(names, key=int):
        raise AuditError(
            f"{path}: the folders {names[0]}, {names[1]}, {names[2]}, ... are in another order as "
            "names than as numbers. Write them with leading zeros: 00, 01, ..."
        )
    files = []
    for label, name in enumerate(names):
        found = sorted(one for one in (path / name).iterdir() if one.suffix.lower() in SUFFIXES)
        files += [(place, label, file) for place, file in enumerate(found)]
    # The first of each class, then the second: the first so many are of all classes.
    files.sort()
    images, labels = [_image(file) for *_, file in files], [label for _, label, _ in files]
    shapes = {one.shape for one in images}
    if len(shapes) > 1:
        raise AuditError(
            f"{path}: its images have different shapes, {' and '.join(map(str, list(shapes)[:2]))}."
            " Bring them to that of the model."
        )
    if not images:
        raise AuditError(f"{path}: no file in it is an image ({', '.join(SUFFIXES)}).")
    return np.stack(images), np.array(labels), f"Classes by the names of folders: {names}."


def _image(file: Path) -> np.ndarray:
    """A file of an image as bytes, shape (height, width) where it is grey, else with channels."""
    try:
        with Image.open(file) as image:
            if image.mode in ("P", "1"):
                image = image.convert("RGB" if image.mode == "P" else "L")
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise AuditError(f"{file}: not a readable image ({error}).") from None
    if image.mode not in ("L", "RGB"):
        raise AuditError(f"{file}: an image of mode {image.mode}. Save it as grey or RGB, 8 bits.")
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    return pixels


# --- Told apart by the model ---------------------------------------------------------------------


def _classes(labels: np.ndarray, classes: int, name: str) -> np.ndarray:
    """Labels as integers, shape (n,), from integers, floats that are, or one-hot rows."""
    if labels.dtype.kind not in "uifb" or not _labels(labels, classes):
        raise AuditError(
            f"{name}: the labels are {labels.dtype} of shape {labels.shape}. They must be "
            f"integers, shape (n,), or one-hot, shape (n, {classes})."
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise AuditError(f"{name}: the labels are rows of {classes} that are not one-hot.")
        return labels.argmax(axis=1)
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise AuditError(f"{name}: some labels are no whole numbers.")
    if labels.min() < 0 or labels.max() >= classes:
        raise AuditError(
            f"{name}: labels from {labels.min():g} to {labels.max():g}. They must lie in 0 to "
            f"{classes - 1}: the model has {classes} classes, and the first is 0."
        )
    return labels.astype(np.int64)


def _placements(given: tuple, shape: tuple) -> list[tuple[tuple, str]]:
    """How images come to the shape of a model: that shape, and where channels to be moved stand."""
    known = None not in shape

    def fits(found: tuple) -> bool:
        return len(found) == len(shape) and all(
            size in (None, own) for size, own in zip(shape, found, strict=True)
        )

    if fits(given):
        return [(given, "")]
    if len(given) == 2 and fits((*given, 1)):
        return [((*given, 1), "")]
    if len(given) == 2 and fits((1, *given)):
        return [((1, *given), "")]
    if 1 in (given[0], given[-1]) and len(given) == 3:
        inner = given[1:] if given[0] == 1 else given[:-1]
        return [(one, "") for one in (inner, (*inner, 1), (1, *inner)) if fits(one)][:1] or (
            _flat(given, shape, known)
        )
    if len(given) == 3:
        last, first = (*given[1:], given[0]), (given[-1], *given[:-1])
        if fits(last) and given[0] in (3, 4):
            return [(last, "first")]
        if fits(first) and given[-1] in (3, 4):
            return [(first, "last")]
    return _flat(given, shape, known)


def _flat(given: tuple, shape: tuple, known: bool) -> list[tuple[tuple, str]]:
    if known and 1 in (len(given), len(shape)) and math.prod(given) == math.prod(shape):
        return [(shape, "")]
    return []


def _shaped(images: np.ndarray, shape: tuple, name: str) -> tuple[np.ndarray, str]:
    """Images in the shape that a model takes, and a note where the channels were moved."""
    if not (found := _placements(images.shape[1:], shape)):
        sizes = ", ".join(["n", *(str(size or "any") for size in shape)])
        raise AuditError(
            f"{name}: the images have the shape {images.shape}, and the model takes ({sizes}). "
            "Bring them to that."
        )
    (target, channels), *_ = found
    if channels == "first":
        return np.moveaxis(images, 1, -1), "The channels came first, and were moved to the end."
    if channels == "last":
        return np.moveaxis(images, -1, 1), "The channels came last, and were moved to the front."
    return images.reshape(len(images), *target), ""


def _range(images: np.ndarray, name: str, given: Range | None) -> Range:
    """The range that images are in: the one of `RANGES` whose ends their values come near.

    Raises:
        AuditError: A pixel is no number, or it cannot be told.
    """
    if images.dtype == bool:
        return 0, 1
    low, high = float(images.min()), float(images.max())
    if not math.isfinite(low + high):
        bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
        raise AuditError(
            f"{name}: {bad.sum()} of {len(images)} images have pixels that are NaN or infinite, "
            f"the first is image {bad.argmax()}."
        )
    for one in (RANGES[1],) if images.dtype == np.uint8 and high > 1 else RANGES:
        size = one[1] - one[0]
        if one[0] <= low and high <= one[1] and high - low >= COVERED * size:
            return one
    # A range that the values cover next to nothing of is the model's, and not theirs.
    if given and given[0] <= low and high <= given[1] and high - low >= (given[1] - given[0]) / 4:
        return tuple(given)
    raise AuditError(
        f"{name}: the pixels lie in {low:g} to {high:g}, which range that is of cannot be told. "
        "Say it, if the model takes the same: --range LOW,HIGH; or bring them to 0 to 1."
    )
