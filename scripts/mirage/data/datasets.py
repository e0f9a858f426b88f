"""Datasets of small images in ten classes: IDX and CIFAR-10 files, the embedded digits, splits.

Images are uint8 arrays of shape (n, 28, 28), or (n, 32, 32, 3) in colour, with values 0..255;
labels are uint8 arrays of shape (n,) with values 0..9.
"""

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from mirage.data import folders
from mirage.data.images import CLASSES, SIDE, DataError, Labelled


def uncompress(data: bytes, origin: str | Path, limit: int | None = None) -> bytes:
    """Return the content of `data`, gzipped or not; `origin` names it in errors.

    Unpacking stops soon after `limit` bytes, enough to see that there is too much, so that a
    small gzip file that unpacks to gigabytes does no harm.
    """
    if not data.startswith(b"\x1f\x8b"):  # the magic bytes of gzip
        return data
    content = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        try:
            # read1 returns what is unpacked so far, so that an error says how far that is.
            while (limit is None or len(content) <= limit) and (part := stream.read1(1 << 16)):
                content += part
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"{origin}: corrupt gzip, readable up to byte {len(content)} "
                f"of the uncompressed content: {error}"
            ) from None
    return bytes(content)


# --- IDX files ----------------------------------------------------------------------------------


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of labels or images, gzipped or not (its magic bytes say which).

    Returns a read-only uint8 array: labels (n,) with values 0..9, or images (n, rows, columns)
    with values 0..255. The format (big-endian magic number and sizes, then the values) is
    described at http://yann.lecun.com/exdb/mnist/.

    Raises DataError with the file and the byte offset (in the uncompressed content) for a corrupt
    gzip, a bad magic number, a truncated file, trailing bytes and a label above 9.
    """
    content = uncompress(Path(path).read_bytes(), path)
    if len(content) < 4:
        raise DataError(f"{path}: truncated at byte {len(content)}, in the magic number of 4 bytes")
    dimensions = {0x0801: 1, 0x0803: 3}.get(int.from_bytes(content[:4], "big"))
    if dimensions is None:
        raise DataError(
            f"{path}: bad magic number 0x{content[:4].hex()} at byte 0, expected 0x00000801 "
            "(labels) or 0x00000803 (images)"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path}: truncated at byte {len(content)}, in the header of {start} bytes")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    end = start + math.prod(shape)
    announced = f"{'x'.join(map(str, shape))} values announced at byte 4"
    if len(content) < end:
        raise DataError(
            f"{path}: truncated at byte {len(content)}: {announced} make {end} bytes, "
            f"{len(content)} found"
        )
    if len(content) > end:
        raise DataError(
            f"{path}: {len(content) - end} trailing bytes from byte {end} on: {announced} make "
            f"{end} bytes, {len(content)} found"
        )
    array = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    if dimensions == 1 and array.size and array.max() >= CLASSES:
        first = int(np.argmax(array >= CLASSES))
        raise DataError(
            f"{path}: label {array[first]} at byte {start + first}, expected 0 to {CLASSES - 1}"
        )
    return array


def _read_labelled(images_path: Path, labels_path: Path) -> Labelled:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3:
        raise DataError(f"{images_path}: magic number at byte 0 says labels, expected images")
    if labels.ndim != 1:
        raise DataError(f"{labels_path}: magic number at byte 0 says images, expected labels")
    if images.shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"{images_path}: images of {images.shape[1]}x{images.shape[2]} pixels at byte 8, "
            f"expected {SIDE}x{SIDE}"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images)} images at byte 4, but {labels_path} has "
            f"{len(labels)} labels at byte 4"
        )
    return images, labels


def read_folder(folder: str | Path) -> tuple[Labelled, Labelled]:
    """Read the four IDX files of a folder, under any name that `folders.find` knows.

    Returns (images, labels) of the training set and (images, labels) of the test set: uint8
    (n, 28, 28) with values 0..255 and uint8 (n,) with values 0..9, in the order of the files.

    Raises DataError as `read_idx` does, for images that are not 28x28 or not as many as their
    labels, and for missing files, all of which it names.
    """
    train_images, train_labels, test_images, test_labels = _paths(folder, folders.IDX)
    return _read_labelled(train_images, train_labels), _read_labelled(test_images, test_labels)


def _paths(folder: str | Path, layout: folders.Layout) -> list[Path]:
    """The paths of the files of a data set; DataError names all that are missing."""
    if problems := folders.faults(folder, layout):
        raise DataError(folders.refusal(folder, problems))
    return [folders.find(folder, name) for name in layout.files]


# --- CIFAR-10 -----------------------------------------------------------------------------------

CIFAR10_SIDE = 32  # pixels
RECORDS = 10_000  # in each file
RECORD = 1 + 3 * CIFAR10_SIDE**2  # bytes: the label, then the red, the green and the blue plane


def read_records(path: str | Path) -> Labelled:
    """Read a file of CIFAR-10's binary version, gzipped or not.

    Returns images (n, 32, 32, 3), red, green and blue, values 0..255, and labels (n,), both uint8.
    The format is described at https://www.cs.toronto.edu/~kriz/cifar.html.

    Raises DataError with the file and the byte offset (in the uncompressed content) for a corrupt
    gzip, a truncated file, trailing bytes and a label above 9; FileNotFoundError for a file
    that is missing.
    """
    end = RECORDS * RECORD
    content = uncompress(Path(path).read_bytes(), path, limit=end)
    made = f"{RECORDS} records of {RECORD} bytes make {end} bytes"
    if len(content) < end:
        raise DataError(f"{path}: truncated at byte {len(content)}: {made}")
    if len(content) > end:
        raise DataError(f"{path}: trailing bytes from byte {end} on: {made}")
    records = np.frombuffer(content, np.uint8).reshape(RECORDS, RECORD)
    labels, planes = records[:, 0], records[:, 1:]
    if labels.max() >= CLASSES:
        first = int(np.argmax(labels >= CLASSES))
        raise DataError(
            f"{path}: label {labels[first]} at byte {first * RECORD}, expected 0 to {CLASSES - 1}"
        )
    images = planes.reshape(-1, 3, CIFAR10_SIDE, CIFAR10_SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels.copy()


def read_cifar10(folder: str | Path) -> tuple[Labelled, Labelled]:
    """Read the six files of CIFAR-10's binary version in a folder.

    Returns (images, labels) of the 50,000 training images, the five files one after another, and
    (images, labels) of the 10,000 test images; shapes as in `read_records`.

    Raises DataError as `read_records` does, and for missing files, all of which it names.
    """
    *train, test = map(read_records, _paths(folder, folders.CIFAR10))
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return (images, labels), test


# --- The embedded digits ------------------------------------------------------------------------


def digits() -> tuple[Labelled, Labelled]:
    """Return scikit-learn's 1,797 bundled digits (8x8, values 0..16), brought to 28x28.

    The test set is drawn at random, stratified by class, with seed 0; the training images come in
    random order too. Nothing is downloaded, and every call gives the same arrays. Source: Alpaydin
    and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.

    Returns:
        (images, labels) of 1,347 training images and of 450 test images: images (n, 28, 28),
        uint8, 0 to 255, and labels (n,), uint8, 0 to 9.

    Example:
        >>> (images, labels), test = mirage.digits()
        >>> images.shape, images.dtype, labels[:5].tolist()
        ((1347, 28, 28), dtype('uint8'), [7, 3, 6, 6, 7])
    """
    # Here, since only this dataset needs scikit-learn, and importing it takes a second.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    small, labels = load_digits(return_X_y=True)
    images = _enlarge(small.reshape(-1, 8, 8).astype(np.int64))
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels.astype(np.uint8), test_size=450, stratify=labels, random_state=0
    )
    return (train_images, train_labels), (test_images, test_labels)


def _enlarge(small: np.ndarray) -> np.ndarray:
    """Bring integer images (n, 8, 8) of 0..16 to uint8 (n, 28, 28) of 0..255, bilinearly.

    Pixel centres are aligned: the centre of pixel i of 28 lies at (i + 1/2) 8/28 - 1/2 =
    (4i - 5)/14 source pixels, held at the border. So every weight is a whole number of 14ths and
    integer arithmetic gives the same bytes on every machine.
    """
    position = np.clip(4 * np.arange(SIDE) - 5, 0, 14 * 7)  # in 14ths of a source pixel
    weights = np.maximum(0, 14 - np.abs(position[:, None] - 14 * np.arange(8)))  # (28, 8)
    whole = 16 * 14 * 14  # full ink
    return ((weights @ small @ weights.T * 255 + whole // 2) // whole).astype(np.uint8)


# --- Splits -------------------------------------------------------------------------------------


def split(
    images: np.ndarray, labels: np.ndarray, train: int, validation: int, seed: int | None = None
) -> tuple[Labelled, Labelled]:
    """Split training data in the order of the source: first validation, then training.

    The first `validation` images are the validation set and the next `train` the training set, as
    in TensorFlow's MNIST tutorial loader (5,000 and the remaining 55,000 of MNIST's 60,000). With a
    `seed` all images are brought into a random order before, which depends on it alone.

    Returns (images, labels) of the training set and (images, labels) of the validation set, which
    may be empty. Raises DataError for other sizes, or that add up to more than there is.
    """
    if train < 1 or validation < 0:
        raise DataError(
            f"train ({train}) must be at least 1 image, and validation ({validation}) at least 0"
        )
    if train + validation > len(images):
        raise DataError(
            f"train ({train}) and validation ({validation}) add up to {train + validation} images, "
            f"but the training data has {len(images)}"
        )
    if seed is not None:
        order = np.random.default_rng(seed).permutation(len(images))
        images, labels = images[order], labels[order]
    rest = slice(validation, validation + train)
    return (images[rest], labels[rest]), (images[:validation], labels[:validation])
