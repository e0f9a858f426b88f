"""Local folders of data: what is missing is named at once, with what to do about it."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mirage.data import datasets, folders

CIFAR10, IDX = folders.CIFAR10, folders.IDX
NESTED = Path("MNIST/raw")


def fill(folder, *names):
    """Empty files of these names, which may have folders; returns the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def told(folder, layout):
    return "\n".join(folders.faults(folder, layout))


@pytest.mark.parametrize(
    "pattern",
    ["{name}", "{name}.gz", "{dotted}", "{dotted}.gz", "{name}/{name}", "{name}/{dotted}.gz"],
)
def test_files_of_mnist_are_found_under_the_names_they_are_published_with(tmp_path, pattern):
    for name in IDX.files:
        path = Path(pattern.format(name=name, dotted=name.replace("-idx", ".idx")))
        fill(tmp_path, path)
        assert folders.find(tmp_path, name) == tmp_path / path
    assert folders.faults(tmp_path, IDX) == []


def test_files_of_cifar10_may_be_gzipped_and_so_named(tmp_path):
    fill(tmp_path, *CIFAR10.files[:3], *(f"{name}.gz" for name in CIFAR10.files[3:]))
    assert folders.faults(tmp_path, CIFAR10) == []


@pytest.mark.parametrize("layout", [IDX, CIFAR10], ids=lambda layout: layout.name)
def test_all_that_is_missing_is_named_and_nothing_that_is_there(tmp_path, layout):
    first, second, *others = layout.files
    message = told(fill(tmp_path / "data", first, second), layout)
    assert f"missing (with or without .gz): {', '.join(others)}" in message.splitlines()
    assert layout.needed in message
    assert first not in message
    assert second not in message


@pytest.mark.parametrize(
    ("layout", "given", "holding"),
    [
        (CIFAR10, ".", "cifar-10-batches-bin"),  # its parent
        (CIFAR10, "data/cifar-10-batches-py", "data/cifar-10-batches-bin"),  # beside it
        (CIFAR10, "cifar10/deeper", "cifar10"),  # one too far
        (IDX, ".", NESTED),  # torchvision's root
        (IDX, "MNIST", NESTED),
        (IDX, ".", "fashion-mnist"),  # as Keras caches it
        (IDX, "mnits", "mnist"),  # a slip of the pen
    ],
)
def test_the_folder_that_holds_them_all_nearby_is_named(tmp_path, layout, given, holding):
    fill(tmp_path / "top" / holding, *layout.files)
    if given != "mnits":
        fill(tmp_path / "top" / given)
    message = told(tmp_path / "top" / given, layout)
    assert f"all of them lie in {tmp_path / 'top' / holding}: name that folder instead" in message


def test_a_folder_nearby_that_lacks_one_too_is_not_named(tmp_path):
    fill(tmp_path / "top/cifar-10-batches-bin", *CIFAR10.files[1:])
    assert "all of them" not in told(tmp_path / "top", CIFAR10)


PYTHON_VERSION = ("data_batch_1", "data_batch_5", "test_batch", "batches.meta")


@pytest.mark.parametrize(
    ("layout", "names", "what"),
    [
        (CIFAR10, PYTHON_VERSION, "the Python version of CIFAR-10"),
        (CIFAR10, ["cifar-10-batches-py/data_batch_1"], "the Python version of CIFAR-10"),
        (CIFAR10, ["cifar-10-python.tar.gz"], "the Python version of CIFAR-10"),
        (CIFAR10, ["data_batch_1.mat", "test_batch.mat"], "the Matlab version of CIFAR-10"),
        (CIFAR10, ["train.bin", "test.bin"], "of CIFAR-100"),
        (CIFAR10, ["cifar-10-binary.tar.gz"], "cifar-10-binary.tar.gz: not unpacked"),
        (CIFAR10, IDX.files, "files of MNIST or Fashion-MNIST: see the key dataset"),
        (IDX, CIFAR10.files, "files of CIFAR-10: see the key dataset"),
        (IDX, ["archive.zip"], "archive.zip: not unpacked"),
        (IDX, ["mnist.npz"], "mnist.npz: this is an archive of NumPy arrays, as Keras keeps"),
        (IDX, ["mnist.pkl.gz"], "a pickle"),
        (IDX, ["training.pt", "test.pt"], "training.pt: this is a file of PyTorch"),
        (IDX, ["mnist_train.csv", "mnist_test.csv"], "mnist_train.csv: this is a table"),
        (IDX, ["a", "b", "c", "d", "e", "f", "g"], "it holds: a, b, c, d, e and 2 more"),
        (IDX, [], "it is empty"),
    ],
)
def test_what_lies_there_instead_is_named(tmp_path, layout, names, what):
    message = told(fill(tmp_path / "top/data", *names), layout)
    assert what in message
    assert layout.needed in message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "it does not exist: correct the path"),
        ("~/mnist", "~ is not replaced by your home folder here: write the whole path"),
        ("train-images.gz", "it is a file: name the folder that holds the files"),
        ("archive.zip", "archive.zip is an archive: unpack it"),
        ("x" * 300, "missing (with or without .gz)"),  # longer than names may be
        ("", "missing (with or without .gz)"),
    ],
)
def test_a_path_that_is_no_folder(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(fill(tmp_path / "top", "train-images.gz", "archive.zip"))
    assert message in told(path, IDX)
    problem = folders.refusal(path, ["problem"])
    assert str(tmp_path / "top") in problem  # the whole path, of a relative one too
    assert problem.endswith("\n  problem")


def test_a_link_to_nowhere_is_named(tmp_path):
    fill(tmp_path / "data", *IDX.files[1:])
    (tmp_path / "data" / IDX.files[0]).symlink_to(tmp_path / "gone")
    assert f"{IDX.files[0]} is a link, but not to a file" in told(tmp_path / "data", IDX)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(tmp_path):
    folder = fill(tmp_path / "data", *IDX.files)
    folder.chmod(0)
    try:
        assert "you may not read it: change its permissions" in told(folder, IDX)
    finally:
        folder.chmod(0o700)


def test_thousands_of_folders_nearby_are_not_all_looked_into(tmp_path, monkeypatch):
    top = tmp_path / "top"
    for number in range(3 * folders.NEAR):
        (top / f"{number:04}").mkdir(parents=True)
    looked = []
    missing = folders.missing
    monkeypatch.setattr(
        folders, "missing", lambda folder, layout: looked.append(folder) or missing(folder, layout)
    )
    folders.faults(top, IDX)
    assert folders.NEAR < len(looked) < 3 * folders.NEAR


def test_planning_needs_no_numpy():
    # It is asked in every call of Snakemake, and importing NumPy takes a tenth of a second.
    code = "import sys, mirage.data.folders; sys.exit('numpy' in sys.modules)"
    scripts = Path(folders.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=scripts).returncode == 0


def test_gzipped_data_are_read_under_every_name(tmp_path):
    for name, magic, header in (
        (folders.TRAIN_IMAGES, 3, (2, 28, 28)),
        (folders.TRAIN_LABELS, 1, (2,)),
        (folders.TEST_IMAGES, 3, (2, 28, 28)),
        (folders.TEST_LABELS, 1, (2,)),
    ):
        sizes = b"".join(size.to_bytes(4, "big") for size in header)
        values = bytes(2 * 784 if magic == 3 else 2)
        path = tmp_path / name / f"{name}.gz"
        path.parent.mkdir()
        path.write_bytes(gzip.compress(bytes([0, 0, 8, magic]) + sizes + values))
    for images, labels in datasets.read_folder(tmp_path):
        assert (images.shape, labels.shape) == ((2, 28, 28), (2,))
