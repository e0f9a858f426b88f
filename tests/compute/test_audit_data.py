"""Images and labels of anybody: told apart by the model, or asked for."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from mirage.auditing.data import of_arrays, read
from mirage.auditing.errors import AuditError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, size=(20, 6, 5, 1), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(20, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(20) % 4


def saved(folder, **arrays):
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("names", [("images", "labels"), ("x_test", "y_test"), ("a", "b")])
def test_arrays_are_found_by_name_or_by_shape(names, tmp_path):
    path = saved(tmp_path, **dict(zip(names, (BYTES, LABELS), strict=True)))
    found = read(path, (6, 5, 1), 4)
    np.testing.assert_array_equal(found.images, BYTES / np.float32(255))
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.images.dtype == np.float32
    assert (found.raw, found.stated) == ((0, 255), None)
    assert names[0] in found.notes[0]


def test_arrays_that_cannot_be_told_apart_are_asked_for(tmp_path):
    path = saved(tmp_path, a=BYTES, b=BYTES, c=LABELS)
    with pytest.raises(AuditError, match=r"a \(20, 6, 5, 1\).*Name them images and labels"):
        read(path, (6, 5, 1), 4)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (BYTES, (6, 5)),
        (BYTES, (30,)),
        (BYTES, (1, 6, 5)),
        (BYTES[..., 0], (6, 5, 1)),
        (BYTES.reshape(20, 30), (6, 5, 1)),
        (BYTES, (None, None, 1)),
        (COLOUR, (3, 8, 8)),
    ],
)
def test_images_in_the_shape_of_the_model_keep_their_order(given, shape):
    found = of_arrays(given, LABELS, shape, 4)
    assert len(found.images.shape) == len(shape) + 1
    np.testing.assert_array_equal(found.images.reshape(20, -1) * 255, given.reshape(20, -1))
    assert not found.notes


def test_channels_are_moved_to_where_the_model_has_them():
    last = of_arrays(COLOUR, LABELS, (8, 8, 3), 4)
    np.testing.assert_array_equal(last.images, COLOUR.transpose(0, 2, 3, 1) / np.float32(255))
    first = of_arrays(COLOUR.transpose(0, 2, 3, 1), LABELS, (3, 8, 8), 4)
    np.testing.assert_array_equal(first.images, COLOUR / np.float32(255))
    assert "came first" in last.notes[0]
    assert "came last" in first.notes[0]


@pytest.mark.parametrize(
    "labels",
    [LABELS[:, None], LABELS.astype(float), np.eye(4)[LABELS], np.eye(4, dtype=int)[LABELS]],
)
def test_labels_of_every_form(labels):
    found = of_arrays(BYTES, labels, (6, 5, 1), 4).labels
    np.testing.assert_array_equal(found, LABELS)
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, (0, 1)), (0, 255, (0, 255)), (-1, 1, (-1, 1)), (-0.5, 0.5, (-0.5, 0.5))],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_state_their_range(low, high, expected, kind):
    unit = BYTES.astype(kind) / kind(255)
    found = of_arrays(unit * (high - low) + low, LABELS, (6, 5, 1), 4)
    assert found.raw == found.stated == expected
    assert found.images.dtype == kind
    np.testing.assert_allclose(found.images, unit, atol=1e-6)
    assert found.images.min() >= 0
    assert found.images.max() <= 1


def test_a_range_that_cannot_be_told_is_asked_for():
    odd = BYTES / np.float32(255) * 3.2 - 0.4
    with pytest.raises(AuditError, match=r"-0\.4 to 2\.8, which range.*--range LOW,HIGH"):
        of_arrays(odd, LABELS, (6, 5, 1), 4)
    found = of_arrays(odd, LABELS, (6, 5, 1), 4, given=(-0.42, 2.82))
    assert found.raw == (-0.42, 2.82)
    dark = np.float32(16) * (BYTES > 99)
    for given in (None, (0, 255)):
        with pytest.raises(AuditError, match="cannot be told"):
            of_arrays(dark, LABELS, (6, 5, 1), 4, given=given)


FAULTS = {
    "NaN": (np.full((20, 6, 5, 1), np.nan), LABELS, "20 of 20 images have pixels that are NaN"),
    "shape": (BYTES[:, :5], LABELS, r"\(20, 5, 5, 1\), and the model takes \(n, 6, 5, 1\)"),
    "none": (BYTES[:0], LABELS[:0], "it has no images"),
    "fewer labels": (BYTES, LABELS[:7], "20 images and 7 labels"),
    "labels from 1": (BYTES, LABELS + 1, r"labels from 1 to 4. They must lie in 0 to 3"),
    "halves": (BYTES, LABELS / 2, "no whole numbers"),
    "scores": (BYTES, np.full((20, 4), 0.25), "not one-hot"),
    "text": (BYTES, np.array(["a"] * 20), "labels are <U1"),
    "words": (np.array([["a"] * 30] * 20), LABELS, "images are <U1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_in_a_sentence(fault):
    images, labels, said = FAULTS[fault]
    with pytest.raises(AuditError, match=said):
        of_arrays(images, labels, (6, 5, 1), 4)


def idx(path, array):
    kind = 1 if array.ndim == 1 else 3
    head = struct.pack(f">I{kind}I", 0x800 | kind, *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))
    return path


def test_idx_files(tmp_path):
    images = idx(tmp_path / "t10k-images-idx3-ubyte.gz", BYTES[..., 0])
    labels = idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS)
    for source in (tmp_path, f"{images},{labels}"):
        found = read(source, (6, 5, 1), 4)
        np.testing.assert_array_equal(found.images * 255, BYTES)
        np.testing.assert_array_equal(found.labels, LABELS)


def test_a_folder_of_images_by_class(tmp_path):
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for image in range(3):
            pixels = COLOUR[3 * number + image].transpose(1, 2, 0)
            Image.fromarray(pixels).save(tmp_path / name / f"{image}.png")
    found = read(tmp_path, (8, 8, 3), 2)
    turned = COLOUR[[0, 3, 1, 4, 2, 5]].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(found.images, turned / np.float32(255))
    assert found.labels.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(AuditError, match="2 folders, and the model 3 classes"):
        read(tmp_path, (8, 8, 3), 3)
    Image.fromarray(COLOUR[0, 0]).convert("RGBA").save(tmp_path / "cat/3.png")
    with pytest.raises(AuditError, match="mode RGBA"):
        read(tmp_path, (8, 8, 3), 2)
    (tmp_path / "cat/3.png").write_text("no image")
    with pytest.raises(AuditError, match="not a readable image"):
        read(tmp_path, (8, 8, 3), 2)


def test_numbered_folders_that_sort_in_two_ways_are_asked_about(tmp_path):
    for name in range(11):
        (tmp_path / str(name)).mkdir()
    with pytest.raises(AuditError, match="leading zeros"):
        read(tmp_path, (8, 8, 3), 11)


def test_data_sets_by_name(monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    assert read("digits", (28, 28, 1), 10).images.shape == (450, 28, 28, 1)
    with pytest.raises(AuditError, match="--data-folder or by MNIST_DIR"):
        read("mnist", (28, 28, 1), 10)
    with pytest.raises(AuditError, match="channels come first or last"):
        read("cifar10", (3072,), 10, folder="anywhere")


def test_what_is_no_data(tmp_path):
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "text.csv").write_text("1,2")
    np.savez(tmp_path / "objects.npz", images=np.array([{}, 1], dtype=object), labels=LABELS)
    for name, said in {
        "text.npz": "not a readable .npz file",
        "text.csv": "no .npz file",
        "objects.npz": "not a readable .npz file",
        "none": "no such file or folder",
    }.items():
        with pytest.raises(AuditError, match=said):
            read(tmp_path / name, (6, 5, 1), 4)
