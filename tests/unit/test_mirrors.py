"""Checksums of published files: right bytes pass however they are packed, wrong ones are told."""

import functools
import gzip
import hashlib
import re
import tracemalloc

import pytest

from mirage.data import datasets, folders, mirrors, register

# Without the time, so that a test has the same name in every process.
compress = functools.partial(gzip.compress, mtime=0)

GOOD = bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3])  # an IDX file of three labels
OTHER = GOOD[:-1] + bytes([4])


def source_file(content, algorithm="sha256"):
    checksum = hashlib.new(algorithm, content).hexdigest()
    return mirrors.SourceFile("some-labels", len(content), algorithm, checksum)


@pytest.mark.parametrize("level", range(10))
def test_any_gzip_of_the_right_bytes_is_right(tmp_path, level):
    content = bytes(range(256)) * 40
    packed = compress(content, level)
    path = tmp_path / "file"
    path.write_bytes(packed)
    assert mirrors.sha256(path) == hashlib.sha256(content).hexdigest()
    for algorithm in ("sha256", "md5"):
        assert mirrors.verify(packed, source_file(content, algorithm), "here") == content
        assert mirrors.verify(content, source_file(content, algorithm), "here") == content


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (OTHER, "not the published some-labels: sha256 .* is .*, expected"),
        (GOOD[:-1], "11 bytes expected, 10 found"),
        (GOOD + b"a", "more than the expected 11 bytes"),
        (b"\n <!DOCTYPE html><html>404</html>", "an HTML page"),
        (compress(GOOD)[:-3], "corrupt gzip"),
        # The trailer: checksum and length.
        (compress(GOOD)[:-8] + compress(OTHER)[-8:], "corrupt gzip"),
        (compress(GOOD)[:-4] + bytes(4), "corrupt gzip"),
        (compress(OTHER), "not the published some-labels"),
        (compress(GOOD[:-1]), "11 bytes expected, 10 found"),
        (compress(GOOD + b"a"), "more than the expected 11 bytes"),
    ],
)
def test_wrong_bytes_are_refused(data, message):
    with pytest.raises(datasets.DataError, match=f"^here: .*{message}"):
        mirrors.verify(data, source_file(GOOD), "here")


def test_a_small_gzip_of_too_much_is_not_unpacked_whole():
    bomb = compress(bytes(1 << 27))
    tracemalloc.start()
    with pytest.raises(datasets.DataError, match="more than the expected"):
        mirrors.verify(bomb, source_file(GOOD), "here")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24


def test_sources_are_complete():
    for source in mirrors.SOURCES.values():
        assert len(source.mirrors) >= 2
        assert all(url.endswith("/") for url in source.mirrors)
        assert all(url.startswith("https://") for url in source.mirrors)
        assert [file.size for file in source.files] == [47_040_016, 60_008, 7_840_016, 10_008]
        for file in source.files:
            digits = hashlib.new(file.algorithm).digest_size * 2
            assert re.fullmatch(f"[0-9a-f]{{{digits}}}", file.checksum)


def test_the_register_says_of_each_data_set_what_it_is():
    for name, entry in register.REGISTER.items():
        assert set(entry) - {"mirrors", "files", "sha256"} == {
            *("title", "version", "source", "licence", "images", "split")
        }, name
        assert all(isinstance(entry[key], str) for key in ("title", "version", "source", "licence"))
        images, split = entry["images"], entry["split"]
        assert split["train"] + split["validation"] <= images["train"]
        assert ("mirrors" in entry) == ("files" in entry) == (name in mirrors.SOURCES)
        assert set(entry.get("files", folders.IDX.files)) == set(folders.IDX.files)
