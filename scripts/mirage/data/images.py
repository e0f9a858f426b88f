"""Prepared images and labels as files, and as floats: all that training and attacks need of data.

Images are uint8 arrays of shape (n, 28, 28), or (n, 32, 32, 3) in colour, with values 0..255 until
`as_float` scales them to [0, 1]; labels are uint8 arrays of shape (n,) with values 0..9.
"""

import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from mirage.runtime import files
from mirage.runtime.errors import MirageError

SIDE = 28  # pixels of the grey images
CLASSES = 10
# The arrays of each kind of file; of examples that stand beside others there are more.
ARRAYS = {
    "images": ("images", "labels"),
    "examples": (
        *("images", "adversarial", "labels", "predictions", "adversarial_predictions", "epsilon"),
    ),
}

Labelled = tuple[np.ndarray, np.ndarray]  # images (n, height, width, ...), labels (n,), uint8


class DataError(MirageError, ValueError):
    """Data that is missing, damaged or not what it should be; the message says which and why."""


def save(path: str | Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write images (n, height, width, ...) and labels (n,) to an .npz file, whole or not at all.

    Labels are uint8; images are too, or floats in 0 to 1 where they are the answer of an attack.
    Not compressed, since hundreds of jobs open it. The same arrays give the same bytes.
    """
    with files.atomic(path) as temporary:
        np.savez(temporary, images=images, labels=labels)


def load(path: str | Path) -> Labelled:
    """Read a file written by `save`: images and labels as they were given to it.

    Raises DataError where the file is damaged or not such a split.
    """
    split = arrays(path, *ARRAYS["images"])
    images, labels = split["images"], split["labels"]
    if images.ndim < 3 or labels.shape != images.shape[:1] or labels.dtype != np.uint8:
        raise DataError(
            f"{path}: images of shape {images.shape} and {labels.dtype} labels of shape "
            f"{labels.shape} are no prepared split. {_REMEDY}"
        )
    return images, labels


def arrays(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """Read an .npz file of which it is known that it holds the arrays `names`.

    Raises DataError where it is damaged (it has checksums) or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = dict(file)
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable file of arrays ({error}). {_REMEDY}") from None
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: lacks the arrays {', '.join(missing)}. {_REMEDY}")
    return found


_REMEDY = "Delete it and run again: it is made anew."


def as_float(images: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Flatten uint8 images (n, ...) to (n, d) of `dtype` ("float32", "float64"), in [0, 1].

    The division by 255 is done in `dtype`, so that float64 holds more than rounded float32 values.

    Raises DataError where the images are not uint8: floats would be divided a second time.
    """
    if images.dtype != np.uint8:
        raise DataError(f"images: {images.dtype}. They must be uint8, with values 0 to 255.")
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    return np.divide(flat, 255, dtype=dtype)
