"""Damaged, foreign and outdated files: a sentence that names the file, and nothing half-written."""

import re

import numpy as np
import pandas as pd
import pytest
from architectures import cnn, mlp

from mirage.data import columns
from mirage.models import checkpoints, networks
from mirage.training import chain

CHECKPOINT = "results/digits/checkpoints/{}.keras"
ATTACKS = "results/digits/attacks"
TABLES = "results/digits/tables"
TEST = "results/digits/data/300-100/test.npz"


def refused(jobs, run, output, file, *told):
    """The job that writes `output` fails, and its last line names `file` and says all of this."""
    before = state(run)
    ended = jobs.run(run, output)
    assert ended.status == 1
    assert "Traceback" not in ended.log
    last = ended.log.splitlines()[-1]
    assert re.match(rf"\w+: {re.escape(file)}: ", last), ended.log
    for part in told:
        assert part in last
    changed = {file for file, _ in before ^ state(run)}
    assert {file.suffix for file in changed} <= {".log"}


def state(folder):
    """The results and when they were written."""
    files = (folder / "results").rglob("*")
    return {(file, file.stat().st_mtime_ns) for file in files if file.is_file()}


def put(path, content):
    """Another content for a file that is there."""
    assert path.exists()
    path.write_bytes(content)


def often(first, *others):
    """Cases of which the first is always tested, and the others in `make test-all`."""
    return [first, *(pytest.param(one, marks=pytest.mark.thorough) for one in others)]


def half(content):
    return content[: len(content) // 2]


def zeroed(content):
    return bytes(len(content))


def emptied(content):
    return b""


def flipped(content):
    """With one bit wrong, in the middle, where the numbers are."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


# --- Checkpoints ----------------------------------------------------------------------------------

# All jobs that read the first checkpoint of run float32, seed 1: the next link of its chain, an
# attack, an attack on another run that takes its gradient, and the measures.
READERS = [
    CHECKPOINT.format("float32/seed1/epoch4"),
    f"{ATTACKS}/float32/seed1/test/bare/fgsm/float32/sweep.csv",
    f"{ATTACKS}/float64/seed1/validation/bare/transfer/float32/sweep.csv",
    "results/digits/measures/float32/seed1.csv",
]
PLACE = "float32/seed1/epoch1"


@pytest.mark.parametrize("reader", READERS)
def test_a_checkpoint_with_a_wrong_bit_is_refused_by_every_reader(jobs, run, reader):
    file = CHECKPOINT.format(PLACE)
    put(run / file, flipped((run / file).read_bytes()))
    refused(jobs, run, reader, file, "wrong checksum of model.weights.h5", "Delete it and run aga")


@pytest.mark.parametrize("reader", often(*READERS))
def test_what_is_no_checkpoint_is_refused(jobs, run, reader):
    file = CHECKPOINT.format(PLACE)
    content = (run / file).read_bytes()
    for damage in (half, zeroed, emptied):
        put(run / file, damage(content))
        refused(jobs, run, reader, file, "not a readable Keras checkpoint", "Delete it and run aga")


@pytest.mark.parametrize(
    "other",
    # Of another epoch, of another seed, and of another network.
    often("float32/seed1/epoch4", "float32/seed2/epoch1", "small/seed1/epoch1"),
)
def test_a_checkpoint_in_the_place_of_another_is_refused(jobs, run, other):
    file = CHECKPOINT.format(PLACE)
    put(run / file, (run / CHECKPOINT.format(other)).read_bytes())
    for reader in READERS:
        refused(jobs, run, reader, file, f"It says place {other}", f"needed is place {PLACE}")


# What a plan writes out of an mlp that says no more than its layers.
PLAIN = {"dropout": 0.0, "pool": 1}


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"dtype": "float64"}, "It says dtype float64; needed is dtype float32"),
        (
            {"network": mlp(17, **PLAIN)},
            "It says network {'name': 'mlp', 'hidden': [17], 'dropout': 0.0, 'pool': 1}; "
            "needed is network {'dropout': 0.0, 'hidden': [16], 'name': 'mlp', 'pool': 1}",
        ),
        ({"dataset": "mnist"}, "It says dataset mnist; needed is dataset digits"),
        (None, "It says place unknown, dataset unknown, network unknown, dtype unknown"),
    ],
)
# A transfer attack asks for the place alone.
@pytest.mark.parametrize("reader", often(*READERS[:2], READERS[3]))
def test_a_checkpoint_of_the_same_place_in_another_configuration_is_refused(
    jobs, run, about, told, reader, tmp_path
):
    """Weights of such a type, or of such a network, would in part be taken without a word."""
    own = {"dataset": "digits", "network": mlp(16, **PLAIN), "dtype": "float32", **(about or {})}
    network, _ = chain.start(networks.build(own["network"], own["dtype"], 1), {"name": "adam"})
    elsewhere = tmp_path / f"{PLACE}.keras"
    chain.save(network, [{}], elsewhere, tmp_path / "history.csv", own)
    if about is None:
        network.save(elsewhere)
    file = CHECKPOINT.format(PLACE)
    put(run / file, elsewhere.read_bytes())
    refused(jobs, run, reader, file, told)


def test_every_other_reader_of_a_checkpoint_refuses_a_wrong_one(jobs, run):
    perturbed = "results/digits/perturbed/float64/seed1/epoch4/deepfool_minimal.npz"
    folder = f"{ATTACKS}/float64/seed1/test/bare"
    # A run that starts from it, whose images are not kept.
    assert jobs.run(run, perturbed).status == 0
    file, wrong = (CHECKPOINT.format(f"float64/seed1/epoch{epoch}") for epoch in (4, 1))
    put(run / file, (run / wrong).read_bytes())
    for reader in (
        CHECKPOINT.format("tuned/seed1/epoch1"),
        perturbed,
        f"{folder}/pgd/float64/restarts_epoch4_eps0.1.csv",
        f"{folder}/deepfool/float64/examples_epoch4_minimal.npz",
    ):
        refused(jobs, run, reader, file, "It says place float64/seed1/epoch1")


def test_every_checkpoint_says_what_it_is_and_opens_with_plain_keras(finished):
    import keras

    files = sorted(finished.glob(CHECKPOINT.format("*/*/*")))
    assert len(files) == 9
    for file in files:
        run = file.parts[-3]
        network = keras.models.load_model(file, safe_mode=True)
        kind = cnn(2, 3, dense=8, dropout=0.4) if run == "small" else mlp(16, **PLAIN)
        dtype = networks.dtype_of(network)
        assert dtype == ("float64" if run in ("float64", "tuned") else "float32")
        checkpoints.verify([file], dataset="digits", network=kind, dtype=dtype)


# --- Prepared data --------------------------------------------------------------------------------


IMAGES, LABELS = np.zeros((5, 28, 28), np.uint8), np.zeros(5, np.uint8)


@pytest.mark.parametrize("damage", often(flipped, half, zeroed, emptied))
@pytest.mark.parametrize(
    ("file", "reader"),
    [
        (TEST, READERS[1]),
        (TEST, READERS[3]),
        ("results/digits/data/300-100/train.npz", READERS[0]),
        ("results/digits/data/200-50/validation.npz", "results/digits/figures/digits.png"),
        (
            f"{ATTACKS}/float64/seed1/test/bare/deepfool/float64/examples_epoch4_minimal.npz",
            "results/digits/figures/examples.png",
        ),
    ],
)
def test_damaged_arrays_are_refused(jobs, run, file, reader, damage):
    put(run / file, damage((run / file).read_bytes()))
    refused(jobs, run, reader, file, "not a readable file of arrays", "Delete it and run again")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"images": IMAGES}, "lacks the arrays labels"),
        ({"images": IMAGES, "labels": LABELS[:4]}, "labels of shape (4,) are no prepared split"),
        ({"images": IMAGES, "labels": LABELS / 2}, "float64 labels"),
        ({"images": LABELS, "labels": LABELS}, "images of shape (5,)"),
    ],
)
def test_arrays_that_are_no_split_are_refused(jobs, run, given, told, tmp_path):
    np.savez(tmp_path / "other.npz", **given)
    put(run / TEST, (tmp_path / "other.npz").read_bytes())
    refused(jobs, run, READERS[3], TEST, told)


# --- Tables ---------------------------------------------------------------------------------------

FGSM = f"{ATTACKS}/float64/seed1/test/bare/pgd/float64/eps0.05.csv"
SLOPE = "results/digits/gradients/float64/seed1/test/bare/cross_entropy_mean/float16.csv"
# A table, a column that its reader needs, and the reader.
TABLE_READERS = [
    (FGSM, "success", f"{TABLES}/attacks.csv"),
    (FGSM, "success", f"{TABLES}/rana-table1.csv"),
    (FGSM, "success", f"{TABLES}/summary.csv"),
    (SLOPE, "sign_disagreement", f"{TABLES}/summary.csv"),
    (SLOPE, "zero_share", f"{TABLES}/gradients.csv"),
    (FGSM, "accuracy", "results/digits/figures/by-epoch.png"),
    (f"{TABLES}/attacks.csv", "accuracy", f"{TABLES}/published.csv"),
    (f"{TABLES}/measures.csv", "value", f"{TABLES}/published.csv"),
    ("results/digits/measures/small/seed1.csv", "value", f"{TABLES}/measures.csv"),
    (
        "results/digits/measures/float32/seed2.csv",
        "item",
        "results/digits/figures/spectral-norms.png",
    ),
    ("results/digits/checkpoints/small/seed1/epoch1.csv", "loss", f"{TABLES}/history.csv"),
    (
        "results/digits/checkpoints/float64/seed1/epoch1.csv",
        "loss",
        "results/digits/figures/losses.png",
    ),
    (f"{TABLES}/history.csv", "validation_loss", f"{TABLES}/claims.csv"),
    (f"{TABLES}/attacks.csv", "accuracy", f"{TABLES}/claims.csv"),
    (f"{TABLES}/gradients.csv", "zero_share", f"{TABLES}/claims.csv"),
    (f"{TABLES}/gradients.csv", "zero_share", f"{TABLES}/published.csv"),
    (
        f"{ATTACKS}/float64/seed1/test/bare/pgd/float64/restarts_epoch4_eps0.1.csv",
        "start_loss",
        "results/digits/figures/restarts.png",
    ),
]


@pytest.mark.parametrize(("file", "column", "reader"), TABLE_READERS)
def test_a_table_of_another_version_is_refused(jobs, run, file, column, reader):
    table = pd.read_csv(run / file, dtype=str)
    table.rename(columns={column: "former"}).to_csv(run / file, index=False)
    told = f"lacks the column {column}, and has former, which is not known"
    refused(jobs, run, reader, file, told, "Delete it and run again")


@pytest.mark.parametrize("file_column_reader", often(*TABLE_READERS))
def test_a_table_that_lacks_a_column_is_refused(jobs, run, file_column_reader):
    file, column, reader = file_column_reader
    pd.read_csv(run / file, dtype=str).drop(columns=column).to_csv(run / file, index=False)
    refused(jobs, run, reader, file, f"lacks the column {column}. Another version")


@pytest.mark.parametrize("number", often(0, 5, 12))
def test_a_damaged_table_is_refused(jobs, run, number):
    file, _, reader = TABLE_READERS[number]
    content = (run / file).read_bytes()
    columns = content.splitlines()[0].count(b",") + 1
    for damaged, told in (
        (half(content), "is cut off"),
        (content[:-2], "is cut off"),  # the last value might pass for a whole one
        (content[: content.rindex(b",")] + b"\n", f"{columns - 1} values for {columns} columns"),
        (zeroed(content), "is cut off"),
        (b"", "it is empty"),
        (b"\xff" + content, "not a table of"),
    ):
        put(run / file, damaged)
        refused(jobs, run, reader, file, told, "Delete it and run again")


def test_rows_have_the_columns_that_their_readers_ask_for(finished):
    kinds = {
        "attacks": "attacks/**/[se][wp][es]*.csv",
        "gradients": "gradients/**/*.csv",
        "measures": "measures/**/*.csv",
        "history": "checkpoints/**/*.csv",
        "restarts": "attacks/**/restarts_*.csv",
    }
    assert kinds.keys() == columns.COLUMNS.keys()
    for kind, pattern in kinds.items():
        found = sorted((finished / "results/digits").glob(pattern))
        assert found
        for file in found:
            header = file.read_text().splitlines()[0].split(",")
            assert header == list(columns.COLUMNS[kind]), file
