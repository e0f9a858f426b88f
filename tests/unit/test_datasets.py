"""IDX files, the embedded digits, splits and their files, and `prepare.py`."""

import functools
import gzip
import hashlib
import json
import os
import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import prepare
from mirage.data import datasets, folders, mirrors, register
from mirage.data import images as prepared
from mirage.runtime import files

# Without the time, so that a test has the same name in every process.
compress = functools.partial(gzip.compress, mtime=0)

LABELS, IMAGES = 0x0801, 0x0803


def idx(magic, shape, values):
    """The bytes of an IDX file."""
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + bytes(values)


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def image_bytes(images):
    return idx(IMAGES, images.shape, images.tobytes())


def label_bytes(labels):
    return idx(LABELS, (len(labels),), labels)


@pytest.fixture
def raw(tmp_path):
    """A folder as `download.py` leaves it, with 30 training and 10 test images."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for images, labels, count in (
        (folders.TRAIN_IMAGES, folders.TRAIN_LABELS, 30),
        (folders.TEST_IMAGES, folders.TEST_LABELS, 10),
    ):
        (folder / images).write_bytes(image_bytes(random_images(count, seed=count)))
        (folder / labels).write_bytes(label_bytes([i % 10 for i in range(count)]))
    return folder


# --- files.atomic ---


@pytest.mark.parametrize("name", ["figure.png", "epoch1.weights.h5", "train-images-idx3-ubyte"])
def test_atomic_keeps_the_suffix_and_leaves_only_the_target(tmp_path, name):
    path = tmp_path / "new" / name
    with files.atomic(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(name)
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_leaves_the_old_file_on_any_exception(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with files.atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- read_idx ---


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    shape=st.tuples(*[st.integers(0, 6)] * 3),
    labels=st.lists(st.integers(0, 9), max_size=20),
    level=st.sampled_from([None, 0, 1, 9]),
)
def test_read_idx_round_trip(tmp_path, shape, labels, level):
    pack = (lambda data: data) if level is None else (lambda data: compress(data, level))
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "file"  # the name says nothing about the compression
    path.write_bytes(pack(image_bytes(images)))
    read = datasets.read_idx(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, images)
    path.write_bytes(pack(label_bytes(labels)))
    np.testing.assert_array_equal(datasets.read_idx(path), labels)


GOOD = label_bytes([1, 2, 3])
GZIPPED = compress(image_bytes(random_images(200)))  # noise: more than one step of reading


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated at byte 0, in the magic number"),
        (GOOD[:3], "truncated at byte 3, in the magic number"),
        (b"<html>", "bad magic number 0x3c68746d at byte 0"),
        (idx(0x0D01, (1,), [1]), "bad magic number 0x00000d01 at byte 0"),
        (GOOD[:7], "truncated at byte 7, in the header of 8 bytes"),
        (GOOD[:-1], "truncated at byte 10: 3 values announced at byte 4 make 11 bytes, 10 found"),
        (
            idx(IMAGES, (2, 28, 28), bytes(784)),
            "truncated at byte 800: 2x28x28 values announced at byte 4 make 1584 bytes, 800 found",
        ),
        # The announced size is not allocated.
        (idx(IMAGES, (2**32 - 1,) * 3, [0]), "truncated at byte 17"),
        (GOOD + b"ab", "2 trailing bytes from byte 11 on: 3 values announced at byte 4"),
        (label_bytes([9, 0, 10, 11]), "label 10 at byte 10, expected 0 to 9"),
        (GZIPPED[:10], "corrupt gzip, readable up to byte 0 "),
        (GZIPPED[:-1], "corrupt gzip, readable up to byte 156816 "),
        (GZIPPED[:-8] + bytes(8), "corrupt gzip, readable up to byte 156816 "),
        (GZIPPED[:100_000], r"corrupt gzip, readable up to byte \d{5} "),
        (GZIPPED[:50] + b"\xff" * 500 + GZIPPED[550:], "corrupt gzip, readable up to byte "),
        (compress(GOOD) + b"junk", "corrupt gzip, readable up to byte 11 "),
    ],
)
def test_read_idx_names_file_and_offset(tmp_path, content, message):
    path = tmp_path / "some-labels"
    path.write_bytes(content)
    with pytest.raises(datasets.DataError, match=f"{re.escape(str(path))}: {message}"):
        datasets.read_idx(path)


# --- read_folder ---


def test_read_folder(raw):
    (images, labels), (test_images, test_labels) = datasets.read_folder(raw)
    np.testing.assert_array_equal(images, random_images(30, seed=30))
    np.testing.assert_array_equal(labels, np.arange(30) % 10)
    np.testing.assert_array_equal(test_images, random_images(10, seed=10))
    np.testing.assert_array_equal(test_labels, np.arange(10))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            folders.TEST_LABELS,
            label_bytes([0] * 9),
            "10 images at byte 4, but .*t10k-labels-idx1-ubyte has 9 labels at byte 4",
        ),
        (folders.TEST_LABELS, image_bytes(random_images(10)), "labels.*at byte 0 says images"),
        (folders.TEST_IMAGES, label_bytes([0] * 10), "images.*at byte 0 says labels"),
        (folders.TEST_IMAGES, image_bytes(random_images(10)[:, 1:]), "27x28 pixels at byte 8"),
    ],
)
def test_read_folder_refuses_files_that_do_not_fit(raw, name, content, message):
    (raw / name).write_bytes(content)
    with pytest.raises(datasets.DataError, match=f"{re.escape(str(raw))}.*{message}"):
        datasets.read_folder(raw)


# --- digits ---

# SHA-256 of the four arrays: what the committed quick results were computed from.
FINGERPRINT = "1783e6172513d89a7a4f9845e3dc00dd6b6090414135cb5bf9aa0bd7d66b19cc"


def test_digits_shapes_ranges_and_classes():
    for (images, labels), count in zip(datasets.digits(), (1347, 450), strict=True):
        assert images.shape == (count, 28, 28)
        assert images.dtype == labels.dtype == np.uint8
        assert (images.min(), images.max()) == (0, 255)
        # Stratified: each class close to its tenth.
        assert np.all(np.abs(np.bincount(labels, minlength=10) / count - 0.1) < 0.005)


def test_digits_are_the_same_every_time_and_disjoint():
    first, second = datasets.digits(), datasets.digits()
    for one, other in zip(first, second, strict=True):
        for array, again in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, again)
    fingerprint = hashlib.sha256(b"".join(a.tobytes() for pair in first for a in pair)).hexdigest()
    assert fingerprint == FINGERPRINT == register.REGISTER["digits"]["sha256"]
    training, test = ({image.tobytes() for image in images} for images, _ in first)
    assert len(training) + len(test) >= 1795  # the 1,797 hold hardly a duplicate
    assert not training & test


def test_digits_are_bilinear():
    ndimage = pytest.importorskip("scipy.ndimage")
    from sklearn.datasets import load_digits

    small = load_digits().images[:50]
    expected = [
        ndimage.zoom(image, 3.5, order=1, mode="nearest", grid_mode=True) for image in small
    ]
    ours = datasets._enlarge(small.astype(np.int64))
    assert np.abs(ours - np.array(expected) * 255 / 16).max() <= 0.5 + 1e-9


# --- split, save, load, as_float ---


@given(
    count=st.integers(2, 60),
    data=st.data(),
)
def test_split_is_disjoint_and_in_order(count, data):
    validation = data.draw(st.integers(0, count - 1))
    train = data.draw(st.integers(1, count - validation))
    images = np.repeat(np.arange(count, dtype=np.uint8), 784).reshape(-1, 28, 28)
    labels = np.arange(count, dtype=np.uint8) % 10
    parts = datasets.split(images, labels, train, validation)
    (_, train_labels), (_, validation_labels) = parts
    assert (len(train_labels), len(validation_labels)) == (train, validation)
    (train_index, validation_index) = (part[:, 0, 0].tolist() for part, _ in parts)
    assert validation_index + train_index == list(range(validation + train))
    np.testing.assert_array_equal(train_labels, np.array(train_index) % 10)
    np.testing.assert_array_equal(validation_labels, np.array(validation_index) % 10)


def test_a_split_with_a_seed_is_drawn_at_random_from_all_images():
    images = np.repeat(np.arange(200, dtype=np.uint8), 784).reshape(-1, 28, 28)
    labels = np.arange(200, dtype=np.uint8) % 10

    def drawn(seed, train=120, validation=50):
        parts = datasets.split(images, labels, train, validation, seed)
        for part, its_labels in parts:
            np.testing.assert_array_equal(its_labels, part[:, 0, 0] % 10)
        return [part[:, 0, 0].tolist() for part, _ in parts]

    train, validation = drawn(1)
    assert len(set(train + validation)) == 170
    assert drawn(1) == [train, validation] != drawn(2)
    # Neither the first images, nor in their order.
    assert sum(index < 50 for index in validation) < 30
    assert train != sorted(train)
    assert sorted(drawn(1, train=200, validation=0)[0]) == list(range(200))


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (8, 3, r"train \(8\) and validation \(3\) add up to 11 images, but .* has 10"),
        (0, 3, "must be at least 1 image"),
        (8, -1, r"validation \(-1\) at least 0"),
    ],
)
def test_split_refuses_impossible_sizes(train, validation, message):
    with pytest.raises(datasets.DataError, match=message):
        datasets.split(random_images(10), np.zeros(10, np.uint8), train, validation)


def test_save_twice_gives_the_same_bytes_and_load_returns_them(tmp_path, monkeypatch):
    images, labels = random_images(20), np.arange(20, dtype=np.uint8) % 10
    one, other = tmp_path / "one.npz", tmp_path / "sub" / "other.npz"
    prepared.save(one, images, labels)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    prepared.save(other, images, labels)
    assert one.read_bytes() == other.read_bytes()
    assert one.stat().st_size < images.nbytes + labels.nbytes + 1000
    loaded_images, loaded_labels = prepared.load(one)
    assert loaded_images.dtype == loaded_labels.dtype == np.uint8
    np.testing.assert_array_equal(loaded_images, images)
    np.testing.assert_array_equal(loaded_labels, labels)


def test_load_names_a_file_that_is_no_split(tmp_path):
    path = tmp_path / "train.npz"
    prepared.save(path, random_images(20), np.zeros(20, np.uint8))
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[5000] ^= 1
    for content in (b"", b"text", whole[:-100], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(datasets.DataError, match=re.escape(str(path))):
            prepared.load(path)
    np.savez(path, images=random_images(1))
    with pytest.raises(datasets.DataError, match="labels"):
        prepared.load(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_float_divides_in_the_given_type(dtype):
    images = np.arange(2 * 784).astype(np.uint8).reshape(2, 28, 28)
    divisor = np.dtype(dtype).type(255)
    floats = prepared.as_float(images, dtype)
    assert floats.shape == (2, 784)
    assert floats.dtype == dtype
    assert (floats.min(), floats.max()) == (0, 1)
    np.testing.assert_array_equal(floats, images.reshape(2, -1).astype(dtype) / divisor)
    # Lossless: every value leads back to its byte.
    np.testing.assert_array_equal(np.rint(floats * 255).reshape(images.shape), images)
    assert prepared.as_float(images[:0], dtype).shape == (0, 784)
    colour = images.reshape(-1, 8, 7, 7, 2)[:, 0, :, :, :]
    flat = prepared.as_float(colour, dtype)
    np.testing.assert_array_equal(np.rint(flat.reshape(colour.shape) * 255), colour)


# --- prepare.py ---


def outputs(folder):
    return [folder / f"{name}.npz" for name in ("train", "validation", "test")]


def run_prepare(folder, raw=(), *options, **job):
    job = json.dumps({"dataset": "mnist" if raw else "digits", **job})
    options = ["--job", job, *map(str, options), "--raw", *map(str, raw)]
    prepare.main([*options, "--output", *map(str, outputs(folder))])


def test_prepare_writes_the_three_splits(raw, tmp_path):
    run_prepare(tmp_path / "out", raw.iterdir(), train=20, validation=5)
    train, validation, test = (prepared.load(path) for path in outputs(tmp_path / "out"))
    (images, labels), raw_test = datasets.read_folder(raw)
    for part, expected in (
        (train, (images[5:25], labels[5:25])),
        (validation, (images[:5], labels[:5])),
        (test, raw_test),
    ):
        np.testing.assert_array_equal(part[0], expected[0])
        np.testing.assert_array_equal(part[1], expected[1])


def test_prepare_digits_needs_no_raw_folder(tmp_path):
    run_prepare(tmp_path, train=1197, validation=150)
    assert [len(prepared.load(path)[1]) for path in outputs(tmp_path)] == [1197, 150, 450]


@pytest.mark.parametrize("name", [file.name for file in mirrors.SOURCES["mnist"].files])
def test_prepare_leaves_nothing_of_bad_input(raw, tmp_path, name):
    path = raw / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SystemExit) as error:
        run_prepare(tmp_path / "out", raw.iterdir(), train=20, validation=5)
    assert re.match(rf"prepare: {re.escape(str(path))}: truncated at byte", error.value.code)
    assert not (tmp_path / "out").exists()


def test_prepare_says_which_file_is_missing(raw, tmp_path):
    (raw / folders.TEST_LABELS).unlink()
    with pytest.raises(SystemExit, match=folders.TEST_LABELS):
        run_prepare(tmp_path, raw.iterdir(), train=20, validation=5)


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR names no folder with MNIST")
def test_mnist_itself():
    folder = Path(os.environ["MNIST_DIR"])
    images, labels = (
        datasets.read_idx(next(folder.glob(f"{name}*")))
        for name in (folders.TEST_IMAGES, folders.TEST_LABELS)
    )
    assert images.shape == (10_000, 28, 28)
    # The class counts of the test set, as published with it.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(labels).tolist() == counts
