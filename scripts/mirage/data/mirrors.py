"""Where datasets are published, and how their files are known to be the right ones."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mirage.data.datasets import uncompress
from mirage.data.images import DataError
from mirage.data.register import DOWNLOADED, REGISTER, checksum


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


def _file(dataset: str, name: str) -> SourceFile:
    return SourceFile(name, REGISTER[dataset]["files"][name]["size"], *checksum(dataset, name))


# Name of a data set -> where it is found, as the register has it.
SOURCES = {
    name: Source(
        tuple(REGISTER[name]["mirrors"]),
        tuple(_file(name, file) for file in REGISTER[name]["files"]),
    )
    for name in DOWNLOADED
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
