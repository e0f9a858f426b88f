"""`mirage audit`: what it prints and writes, its exit status, and what it refuses in a sentence."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace

import controls
import jsonschema
import keras
import numpy as np
import pytest
from workflow import ROOT, environment

import mirage
from mirage.auditing import text
from mirage.auditing.findings import Indicator
from mirage.auditing.verdict import ARITHMETIC
from mirage.cli import audit as command
from mirage.cli.command import main
from mirage.data.images import as_float

layers = keras.layers
COUNT = 100
SCHEMA = json.loads((ROOT / "workflow/schemas/audit.schema.json").read_text())


@pytest.fixture(scope="module")
def masked(overfitted):
    """A model that is masked on every processor, whatever it rounds."""
    return controls.times_1000(overfitted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, masked, digits):
    """A folder with a masked model and its data."""
    made = tmp_path_factory.mktemp("given")
    masked.save(made / "model.keras")
    np.savez(made / "test.npz", images=digits[1][0], labels=digits[1][1])
    return made


def run(*arguments):
    """Call the command; its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(["audit", *map(str, arguments)])
    return ended.value.code


@pytest.fixture(scope="module")
def audited(folder):
    """What a quick audit of them prints and writes."""
    output = folder / "output"
    options = ("--quick", "--images", COUNT, "--epsilon", "0.05", "0.1", "--range", "0,1")
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        status = run(folder / "model.keras", folder / "test.npz", *options, "--output", output)
        said = sys.stdout.getvalue()
    finally:
        sys.stdout = kept
    return status, said, output


def test_it_prints_the_verdict_a_table_and_where_the_files_are(audited):
    status, said, output = audited
    assert status == 3
    verdict, table, places = said.split("\n\n")
    assert verdict.splitlines()[0] == "MASKED BY ARITHMETIC"
    assert "is arithmetic." in verdict
    lines = table.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("Accuracy on 100 images: 0.9")
    assert [line.split()[0] for line in lines[2:4]] == ["0.05", "0.1"]
    assert any(line.startswith("red ") for line in lines)
    assert {*places.splitlines()} == {str(path) for path in output.iterdir()}
    assert {path.name for path in output.iterdir()} == {"audit.html", "audit.json", "images.csv"}


def test_the_json_is_as_its_schema_says_and_has_what_was_asked(audited, folder):
    record = json.loads((audited[2] / "audit.json").read_text())
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert record["version"] == 1
    assert record["verdict"]["name"] == ARITHMETIC
    assert record["verdict"]["exit_code"] == 3
    made = record["provenance"]
    for name in ("model.keras", "test.npz"):
        path = folder / name
        assert made["files"][str(path)] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert made["options"]["epsilons"] == [0.05, 0.1]
    assert made["options"]["images"] == COUNT
    assert made["versions"]["keras"] == keras.__version__
    fault = {**record, "verdict": {**record["verdict"], "name": "fine"}}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(fault)
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid({**record, "more": 1})


def test_the_table_of_images_has_a_row_of_each(audited):
    record = json.loads((audited[2] / "audit.json").read_text())
    with open(audited[2] / "images.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["image"]) for row in rows] == list(range(COUNT))
    for one in record["findings"]["headlines"]:
        for kind in ("plain", "exact"):
            kept = [int(row[f"fgsm_{kind}_{one['epsilon']:g}"]) for row in rows]
            assert sum(kept) == one[kind]["count"]


def test_python_and_the_command_find_the_same(audited, masked, digits):
    images, labels = (one[:COUNT] for one in digits[1])
    flat = as_float(images.reshape(COUNT, -1), "float32")
    found = mirage.audit(masked, flat, labels, epsilon=(0.05, 0.1), range=(0, 1), quick=True)
    record = json.loads((audited[2] / "audit.json").read_text())
    one = found.as_json()
    assert one["verdict"] == record["verdict"]
    for name in ("weights", "images", "library"):
        assert one["provenance"][name] == record["provenance"][name]
    assert not one["provenance"]["files"]
    table = str(found).partition("note ")[0]
    assert audited[1].startswith(table)


def test_a_table_of_much_is_cut_to_20_lines(overfitted, digits):
    images, labels = (one[:50] for one in digits[1])
    epsilons = np.linspace(0.01, 0.3, 12)
    found = mirage.audit(overfitted, images, labels, epsilon=epsilons, range=(0, 1), quick=True)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(found.as_json())))
    much = [Indicator(str(i), "A title", "red", "word " * 60, {}, "", "") for i in range(15)]
    found = replace(found, findings=replace(found.findings, indicators=tuple(much)))
    _, table = text.of(found).split("\n\n")
    lines = table.splitlines()
    assert len(lines) == text.LINES
    assert max(map(len, lines)) <= text.WIDTH
    assert "and 4 smaller ones" in lines
    assert lines[-1].startswith("more    ")
    assert sum(line.startswith("red ") for line in lines) + int(lines[-1].split()[1]) == 15


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"queries": 0}])
def test_numbers_that_are_too_small_are_refused_in_python(overfitted, digits, wrong):
    images, labels = (one[:5] for one in digits[1])
    with pytest.raises(mirage.MirageError, match="it must be at least"):
        mirage.audit(overfitted, images, labels, **wrong)


# --- What is refused -----------------------------------------------------------------------------


def sound():
    return keras.Sequential([keras.Input((784,)), layers.Dense(10)])


def two_outputs():
    pixels = keras.Input((784,))
    return keras.Model(pixels, [layers.Dense(10)(pixels), layers.Dense(10)(pixels)])


def of_text():
    return keras.Sequential([keras.Input((5,)), layers.Embedding(9, 4), layers.Flatten()])


def not_numbers():
    model = sound()
    model.set_weights([np.nan * one for one in model.get_weights()])
    return model


def with_code():
    scaled = layers.Lambda(lambda pixels: 2 * pixels, output_shape=(784,), name="twice")
    return keras.Sequential([keras.Input((784,)), scaled, layers.Dense(10)])


def with_names():
    unknown = layers.Lambda(lambda pixels: np.abs(pixels), output_shape=(784,))
    return keras.Sequential([keras.Input((784,)), unknown, layers.Dense(10)])


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 784), dtype=np.uint8)
LABELS = np.arange(20) % 10
FAULTS = {
    "no model": ("no model", {}, (), "it is no Keras model"),
    "no file": (None, {}, (), "there is no such file"),
    "two outputs": (two_outputs, {}, (), "it has 2 outputs"),
    "text": (of_text, {}, (), "reads words"),
    "weights": (not_numbers, {}, (), "are NaN"),
    "code": (with_code, {}, (), "the Lambda layer 'twice'"),
    "names": (with_names, {}, ("--allow-code",), "name 'np' is not defined"),
    "NaN": (sound, {"images": np.full((20, 784), np.nan)}, (), "20 of 20 images"),
    "labels": (sound, {"labels": LABELS + 1}, (), "labels from 1 to 10"),
    "empty": (sound, {"images": IMAGES[:0], "labels": LABELS[:0]}, (), "no images"),
    "shape": (sound, {"images": IMAGES[:, :700]}, (), "shape (20, 700)"),
    "epsilon": (sound, {}, ("--epsilon", "0", "--range", "0,1"), "it must be above 0"),
    "chance": (sound, {}, (), "cannot be told from chance"),
    "range": (sound, {}, ("--range", "1,-1"), "the first must be less"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_said_in_a_sentence_and_nothing_is_written(tmp_path, capfd, fault):
    model, changed, options, said = FAULTS[fault]
    path = tmp_path / "model.keras"
    if callable(model):
        keras.utils.set_random_seed(1)
        model().save(path)
    elif model:
        path.write_text(model)
    np.savez(tmp_path / "test.npz", **({"images": IMAGES, "labels": LABELS} | changed))
    before = sorted(tmp_path.iterdir())
    arguments = (path, tmp_path / "test.npz", "--quick", "--output", tmp_path / "output", *options)
    assert run(*arguments) == 2
    out, told = capfd.readouterr()
    assert not out
    sentence, *table = told.splitlines()
    assert sentence.startswith("audit: ")
    assert said in sentence
    # A question about the range comes with what was read.
    assert bool(table) == (fault == "chance")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--range", "0"], "'0' is not LOW,HIGH"),
        (["--range", "-1,1", "--images", "none"], "'none' is no whole number"),
        (["--images", "0"], "at least 1"),
        (["--seed", "-1"], "no whole number from 0 on"),
        (["--epsilon", "x"], "invalid float value"),
        (["--norm", "l1"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_ends_with_2(capsys, options, said):
    assert run("model.keras", "mnist", *options) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(folder, capsys):
    assert run(folder / "none", folder / "none", "--output", folder / "test.npz/inside") == 2
    assert "test.npz: it is no folder that can be written" in capsys.readouterr().err


def test_what_it_is_doing_stands_in_one_line_of_a_terminal_alone():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    kept = sys.stderr
    for stream, expected in ((Terminal(), 3), (io.StringIO(), 0)):
        sys.stderr = stream
        try:
            with command._progress() as tell:
                tell("one")
                tell("two" * 200)
        finally:
            sys.stderr = kept
        assert stream.getvalue().count("\r\x1b[K") == expected
        assert "\n" not in stream.getvalue()


def test_a_process_of_its_own_says_one_sentence(folder, tmp_path):
    """TensorFlow's notices, which no test of one process sees, stay away."""
    (tmp_path / "model.keras").write_text("no model")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/mirage", "audit", "model.keras", folder / "test.npz"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("audit: model.keras: it is no Keras model.")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
