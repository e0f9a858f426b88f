"""Where datasets are published, and how their files are known to be the right ones."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mirage.data.datasets import uncompress
from mirage.data.folders import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from mirage.data.images import SIDE, DataError


@dataclass(frozen=True)
class SourceFile:
    """One IDX file; size and checksum are those of the uncompressed content."""

    name: str
    size: int  # bytes
    algorithm: str  # a name of hashlib
    checksum: str  # hexadecimal


@dataclass(frozen=True)
class Source:
    """A dataset's four files and the addresses under which `<name>.gz` is found."""

    mirrors: tuple[str, ...]
    files: tuple[SourceFile, ...]


def _source(mirrors: tuple[str, ...], algorithm: str, checksums: dict[str, str]) -> Source:
    """Source of 60,000 training and 10,000 test images, as MNIST and its drop-in replacements."""
    sizes = {
        TRAIN_IMAGES: 16 + 60_000 * SIDE * SIDE,
        TRAIN_LABELS: 8 + 60_000,
        TEST_IMAGES: 16 + 10_000 * SIDE * SIDE,
        TEST_LABELS: 8 + 10_000,
    }
    return Source(
        mirrors,
        tuple(SourceFile(name, sizes[name], algorithm, checksums[name]) for name in sizes),
    )


# Both checksums are of the uncompressed content, since mirrors compress anew: the same MNIST is
# found in several gzip files with different bytes.
SOURCES = {
    "mnist": _source(
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        algorithm="sha256",
        checksums={
            TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    # The publisher (github.com/zalandoresearch/fashion-mnist) gives MD5 sums of its gzip files:
    # 8d4fb7e6..., 25c81989..., bef4ecab..., bb300cfd... in the order below. These are the MD5
    # sums of what those four gzip files hold, on which several projects that check both agree.
    # The publisher's own server is not among the mirrors: it speaks http only.
    "fashion_mnist": _source(
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        algorithm="md5",
        checksums={
            TRAIN_IMAGES: "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            TRAIN_LABELS: "9018921c3c673c538a1fc5bad174d6f9",
            TEST_IMAGES: "8181f5470baa50b63fa0f6fddb340f0a",
            TEST_LABELS: "15d484375f8d13e6eb1aabb0c3f46965",
        },
    ),
}


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's uncompressed content, the same for every gzip of it.

    Raises DataError where the gzip is corrupt.
    """
    return hashlib.sha256(uncompress(Path(path).read_bytes(), path)).hexdigest()


def verify(data: bytes, file: SourceFile, origin: str | Path) -> bytes:
    """Return the uncompressed content of `data` (gzipped or not) if it is exactly `file`'s.

    Raises DataError, beginning with `origin` (a path or an address), for an HTML page, a corrupt
    gzip, a wrong size or a wrong checksum.
    """
    content = uncompress(data, origin, limit=file.size)
    if is_page(content):
        raise DataError(f"{origin}: an HTML page, not a data file")
    if len(content) > file.size:
        raise DataError(f"{origin}: more than the expected {file.size} bytes")
    if len(content) < file.size:
        raise DataError(f"{origin}: {file.size} bytes expected, {len(content)} found")
    checksum = _checksum(content, file)
    if checksum != file.checksum:
        for name, source in SOURCES.items():
            same = [one for one in source.files if one.name == file.name]
            if any(_checksum(content, one) == one.checksum for one in same):
                raise DataError(
                    f"{origin}: not the published {file.name}, but that of {name}: see the key "
                    "dataset of the configuration"
                )
        raise DataError(
            f"{origin}: not the published {file.name}: {file.algorithm} of the uncompressed "
            f"content is {checksum}, expected {file.checksum}"
        )
    return content


def is_page(data: bytes | bytearray) -> bool:
    """Whether data are a web page, such as a sign-in page or a server's error."""
    # Binary data may begin with "<" too, so that one character does not tell.
    begin = bytes(data[:1024]).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    tags = (b"<!doctype", b"<html", b"<head", b"<title", b"<body", b"<meta", b"<script", b"<?xml")
    return begin.startswith(b"<") and any(tag in begin for tag in tags)


def _checksum(content: bytes, file: SourceFile) -> str:
    # MD5 is only an identity here, which systems in FIPS mode allow when told so.
    return hashlib.new(file.algorithm, content, usedforsecurity=False).hexdigest()
