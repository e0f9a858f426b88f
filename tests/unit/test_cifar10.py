"""CIFAR-10: its binary files, `prepare.py` with them, and networks on images in colour."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from architectures import cnn, mlp
from test_datasets import outputs, run_prepare

from mirage.data import datasets, folders
from mirage.data import images as prepared
from mirage.reporting import claims as claims_of
from mirage.reporting import judging
from mirage.reporting.verdicts import NOT_REPRODUCED, PARTLY, UNDECIDED
from mirage.study import config, library

ROOT = Path(__file__).parents[2]
RANA = ROOT / "studies/rana/claims.yaml"


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """A folder of CIFAR-10's six files, of 20 records each, and what they hold, in order."""
    monkeypatch.setattr(datasets, "RECORDS", 20)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    random = np.random.default_rng(0)
    held = {}
    for name in (*folders.CIFAR10_TRAIN, folders.CIFAR10_TEST):
        images = random.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
        labels = random.integers(0, 10, 20, dtype=np.uint8)
        content = b"".join(
            bytes([label]) + b"".join(image[:, :, colour].tobytes() for colour in range(3))
            for image, label in zip(images, labels, strict=True)
        )
        (folder / name).write_bytes(content)
        held[name] = images, labels
    return folder, held


def test_cifar10_is_read_in_the_order_of_its_files(cifar10):
    folder, held = cifar10
    (images, labels), (test_images, test_labels) = datasets.read_cifar10(folder)
    assert images.shape == (100, 32, 32, 3)
    assert images.dtype == labels.dtype == np.uint8
    for number, name in enumerate(folders.CIFAR10_TRAIN):
        part = slice(20 * number, 20 * number + 20)
        np.testing.assert_array_equal(images[part], held[name][0])
        np.testing.assert_array_equal(labels[part], held[name][1])
    np.testing.assert_array_equal(test_images, held[folders.CIFAR10_TEST][0])
    np.testing.assert_array_equal(test_labels, held[folders.CIFAR10_TEST][1])


def test_a_record_of_cifar10_is_a_label_and_a_red_a_green_and_a_blue_plane(cifar10):
    folder, _ = cifar10
    path = folder / folders.CIFAR10_TEST
    record = bytes([7]) + bytes([10] * 1024) + bytes(range(256)) * 4 + bytes([30] * 1024)
    path.write_bytes(record * 20)
    images, labels = datasets.read_records(path)
    assert labels.tolist() == [7] * 20
    assert (images[..., 0] == 10).all()
    assert (images[..., 2] == 30).all()
    # Rows follow one another from top to bottom.
    np.testing.assert_array_equal(images[3, :, :, 1], np.arange(1024).reshape(32, 32) % 256)
    path.write_bytes(gzip.compress(record * 20))
    np.testing.assert_array_equal(datasets.read_records(path)[0], images)


def test_the_files_of_cifar10_have_ten_thousand_records():
    assert (datasets.RECORDS, datasets.RECORD) == (10_000, 3_073)
    assert len(folders.CIFAR10_TRAIN) * datasets.RECORDS == 50_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"", "truncated at byte 0: 20 records of 3073 bytes make 61460 bytes"),
        (lambda content: content[:-1], "truncated at byte 61459: 20 records of 3073 bytes"),
        (lambda content: content[:-3073], "truncated at byte 58387: 20 records"),
        (lambda content: content + b"a", "trailing bytes from byte 61460 on: 20 records"),
        (
            lambda content: content[: 2 * 3073] + b"\x0a" + content[2 * 3073 + 1 :],
            "label 10 at byte 6146, expected 0 to 9",
        ),
        (lambda content: gzip.compress(content)[:500], "corrupt gzip, readable up to byte "),
    ],
)
def test_a_damaged_file_of_cifar10_is_named_with_its_offset(cifar10, change, message):
    folder, _ = cifar10
    path = folder / "data_batch_3.bin"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(datasets.DataError, match=f"{re.escape(str(path))}: {message}"):
        datasets.read_cifar10(folder)


def prepare(output, folder):
    run_prepare(output, (), "--folder", folder, dataset="cifar10", train=70, validation=30)


def test_prepare_takes_cifar10_from_its_folder(cifar10, tmp_path):
    folder, held = cifar10
    prepare(tmp_path / "out", folder)
    train, validation, test = (prepared.load(path) for path in outputs(tmp_path / "out"))
    assert [len(part[1]) for part in (train, validation, test)] == [70, 30, 20]
    np.testing.assert_array_equal(validation[0][:20], held["data_batch_1.bin"][0])
    np.testing.assert_array_equal(train[1][-20:], held["data_batch_5.bin"][1])
    np.testing.assert_array_equal(test[0], held["test_batch.bin"][0])


def test_prepare_says_which_file_of_cifar10_is_missing_or_damaged(cifar10, tmp_path):
    folder, _ = cifar10
    path = folder / "data_batch_4.bin"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SystemExit) as error:
        prepare(tmp_path / "out", folder)
    assert error.value.code.startswith(f"prepare: {path}: truncated at byte 61455")
    path.unlink()
    with pytest.raises(SystemExit, match=re.escape(path.name)):
        prepare(tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def test_prepare_names_all_that_is_missing_and_where_it_lies(cifar10, tmp_path):
    folder, _ = cifar10
    with pytest.raises(SystemExit) as error:
        prepare(tmp_path / "out", folder.parent)
    assert error.value.code.startswith(f"prepare: the local folder {folder.parent} cannot be")
    assert ", ".join(folders.CIFAR10.files) in error.value.code
    assert f"all of them lie in {folder}" in error.value.code
    assert "Errno" not in error.value.code


@pytest.mark.parametrize(
    "architecture", [mlp(100), pytest.param(cnn(2, 3, dense=8), marks=pytest.mark.thorough)]
)
def test_a_network_is_trained_and_attacked_on_colour_images(tmp_path, architecture):
    """Classes that differ in colour: learnt, and unlearnt under attack."""
    from mirage.evaluation import passes
    from mirage.models import networks
    from mirage.training import chain

    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 200).astype(np.uint8)
    colours = random.integers(40, 216, (10, 3))
    noise = random.integers(-20, 21, (200, 32, 32, 3))
    images = colours[labels][:, np.newaxis, np.newaxis] + noise
    path = tmp_path / "train.npz"
    prepared.save(path, images.astype(np.uint8), labels)
    images, labels = prepared.load(path)

    network, optimizer = chain.start(
        networks.build(architecture, "float32", 1, images.shape[1:]), {"name": "adam"}
    )
    flat = (images.reshape(len(images), -1), labels)
    rows = chain.train(
        network,
        optimizer,
        flat,
        flat,
        epochs=range(1, 16),
        seed=1,
        schedule=0.002,
        batch_size=10,
        objective={"name": "cross_entropy"},
    )
    assert rows[-1]["accuracy"] > 0.8
    checkpoint = tmp_path / "epoch15.keras"
    chain.save(network, rows, checkpoint, tmp_path / "epoch15.csv")
    attack = {"dtype": "float32", "seeds": [(1, 15)]}
    (fgsm,) = passes.evaluate(
        *([checkpoint], [checkpoint], images, labels),
        method="fgsm",
        parameters={"gradient": "exact_sign"},
        epsilons=["0.1"],
        defence={"method": "gaussian_smoothing", "sigma": 1},
        **attack,
    )
    (deepfool,) = passes.evaluate(
        *([checkpoint], [checkpoint], images, labels),
        method="deepfool",
        parameters={},
        epsilons=[""],
        **attack,
    )
    assert fgsm["n"] == deepfool["n"] == 200
    assert deepfool["clean_accuracy"] == rows[-1]["accuracy"]
    assert fgsm["accuracy"] < fgsm["clean_accuracy"]
    assert deepfool["success"] > 0.95
    assert 0 < deepfool["rho_l2"] < fgsm["rho_l2"]


@pytest.mark.thorough
def test_the_row_of_cifar10_is_judged_where_its_folder_is_given(cifar10, tmp_path):
    """config/cifar10.yaml on a made-up set: from its files to the verdict on rana-17."""
    from mirage.evaluation import passes
    from mirage.models import networks
    from mirage.training import chain

    folder, _ = cifar10
    given = yaml.safe_load((ROOT / "config/cifar10.yaml").read_text())
    given["data_folder"] = str(folder)
    # Random images: nothing is learnt, and only the path is of interest.
    given["runs"]["lenet-cifar10"] |= {"epochs": [1], "seeds": [1, 2], "images": {"lbfgs": 2}}
    study = config.read(given, ROOT)
    prepare(tmp_path / "out", folder)
    train, validation, test = (prepared.load(path) for path in outputs(tmp_path / "out"))
    flat = [(images.reshape(len(images), -1), labels) for images, labels in (train, validation)]
    rows = {"attacks": [], "measures": []}
    for seed in (1, 2):
        network = networks.build(
            study.runs["lenet-cifar10"]["network"], "float32", seed, (32, 32, 3)
        )
        network, optimizer = chain.start(network, {"name": "adam"})
        epochs = {"epochs": range(1, 2), "seed": seed, "schedule": 0.001, "batch_size": 35}
        objective = {"name": "cross_entropy"}
        history = chain.train(network, optimizer, *flat, objective=objective, **epochs)
        checkpoint = tmp_path / f"seed{seed}.keras"
        chain.save(network, history, checkpoint, tmp_path / f"seed{seed}.csv")
        about = {"run": "lenet-cifar10", "seed": seed, "epoch": 1, "split": "test"}
        (found,) = passes.measure([checkpoint], *test)
        rows["measures"] += [{**about, **one} for one in found]
        for one in study.evaluations:
            attack = study.config["attacks"][one.attack]
            found = passes.evaluate(
                *([checkpoint], [checkpoint], *(part[: one.images] for part in test)),
                method=attack["method"],
                parameters={key: attack[key] for key in ("gradient",) if key in attack},
                dtype=one.dtype,
                epsilons=one.epsilons or [""],
                seeds=[(seed, 1)],
            )
            about |= {"attack": one.attack, "defence": one.defence}
            rows["attacks"] += [{**about, **row} for row in found]
    tables = {name: pd.DataFrame(found) for name, found in rows.items()}
    claims = claims_of.in_types_of(study.claims, {"lenet-cifar10": "float32"})
    ledger = judging.ledger(claims, study.twins, tables, "cifar10", {}, [])
    assert list(ledger["id"]) == ["rana-17"]
    (verdict,) = ledger["verdict"]
    assert verdict in (NOT_REPRODUCED, PARTLY, UNDECIDED)
    # It is the MNIST ledger that lacks the data, and no other data set is theirs.
    (elsewhere,) = judging.ledger(claims, {}, tables, "mnist", {}, [])["reason"]
    assert elsewhere == "published for cifar10"
    (told,) = [one for one in library.claims(RANA) if one["id"] == "rana-17"]
    assert "config/cifar10.yaml" in told["data_not_given"]
