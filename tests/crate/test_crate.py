"""The RO-Crate of a real run: the public validator accepts it, and refuses one with a part missing.

Run by `.venv/bin/pytest tests/crate` after `make .tools/crate/done`.
"""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from workflow import ROOT

PYTHON = ROOT / ".tools/crate/bin/python"
METADATA = "ro-crate-metadata.json"
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs the crate tools: make .tools/crate/done"),
]


def export(folder, *options):
    """Export the results of a copy of the workflow."""
    command = [PYTHON, "scripts/crate.py", "results/digits", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def validate(crate, severity="required"):
    """What the public validator says of a crate; no network is asked (see offline.py)."""
    report = crate.parent / "report.json"
    command = [PYTHON, Path(__file__).with_name("offline.py"), "validate", "--no-cache"]
    # Named, or a crate that says of itself that it is less is measured by less.
    command += ["-p", "provenance-run-crate-0.5"]
    done = subprocess.run(
        [*command, "-l", severity, "-f", "json", "-o", report, crate],
        capture_output=True,
        text=True,
    )
    assert report.exists(), done.stdout + done.stderr
    found = json.loads(report.read_text())
    report.unlink()
    return done.returncode, found


@pytest.fixture(scope="module")
def crate(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crate") / "digits"
    done = export(finished, "--output", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def broken(crate, tmp_path):
    """A copy of the crate whose metadata can be changed."""
    folder = shutil.copytree(crate, tmp_path / "crate")
    content = json.loads((folder / METADATA).read_text())
    return folder, {entry["@id"]: entry for entry in content["@graph"]}, content


def test_the_public_validator_accepts_it(crate):
    status, report = validate(crate)
    assert status == 0, report
    assert report["passed"] is True


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("./", "conformsTo"),
        ("./", "mainEntity"),
        ("./", "license"),
        ("./", "datePublished"),
        ("Snakefile", "hasPart"),
        ("Snakefile", "programmingLanguage"),
        ("#configuration", "additionalType"),
        ("#run", "instrument"),
        ("#organized", "result"),
        ("#control-train", "object"),
        ("Snakefile#train", "workExample"),
    ],
)
def test_the_public_validator_refuses_it_with_a_property_missing(broken, entry, key):
    folder, entries, content = broken
    del entries[entry][key]
    (folder / METADATA).write_text(json.dumps(content))
    status, report = validate(folder)
    assert status != 0
    assert report["passed"] is False


def test_the_public_validator_refuses_it_with_a_file_missing(broken):
    folder, _, _ = broken
    (folder / "results/digits/tables/attacks.csv").unlink()
    assert validate(folder)[0] != 0


def test_an_unknown_property_is_found(broken):
    """Else the contexts that stand in for those of the network would let anything pass."""
    folder, entries, content = broken
    entries["#run"]["madeUp"] = "x"
    (folder / METADATA).write_text(json.dumps(content))
    assert validate(folder)[0] != 0


def test_every_result_leads_back_to_the_data(crate):
    content = json.loads((crate / METADATA).read_text())
    entries = {entry["@id"]: entry for entry in content["@graph"]}

    def listed(value):
        return [value] if isinstance(value, dict) else value or []

    makers = {
        result["@id"]: entry
        for entry in entries.values()
        if entry["@id"].startswith("#job") and entry["@type"] == "CreateAction"
        for result in listed(entry.get("result"))
    }
    (run,) = (entry for entry in entries.values() if entry["@id"] == "#run")
    shown = [one["@id"] for one in listed(run["result"]) if "provenance" not in one["@id"]]
    assert len(shown) > 30
    for one in shown:
        waiting, seen = [one], set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += [i["@id"] for i in listed(makers.get(name, {}).get("object"))]
        assert any("/data/" in name for name in seen), one


def test_files_are_those_of_the_run(crate, finished):
    for name in (
        "tables/attacks.csv",
        "figures/by-epoch.png",
        "checkpoints/small/seed1/epoch1.keras",
    ):
        path = f"results/digits/{name}"
        assert (crate / path).read_bytes() == (finished / path).read_bytes()
    with (crate / "results/digits/tables/attacks.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) > 20


def test_nothing_private_is_in_it(crate, finished):
    text = (crate / METADATA).read_text()
    assert str(finished) not in text
    assert str(Path.home()) + "/" not in text


def test_it_can_be_one_file(finished, tmp_path):
    done = export(finished, "--output", tmp_path / "digits.zip")
    assert done.returncode == 0, done.stderr
    assert validate(tmp_path / "digits.zip")[0] == 0


def test_results_that_are_not_the_recorded_ones_are_refused_in_words(run, tmp_path):
    table = run / "results/digits/tables/attacks.csv"
    table.write_text(table.read_text() + "\n")
    done = export(run, "--output", tmp_path / "crate")
    assert done.returncode == 1
    assert "attacks.csv: not the recorded file any more; run the workflow again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "crate").exists()


def test_without_a_record_it_says_what_to_do(fresh, tmp_path):
    done = export(fresh, "--output", tmp_path / "crate")
    assert done.returncode == 1
    assert "no record of provenance" in done.stderr
    assert not (tmp_path / "crate").exists()
