"""The provenance of a real run: nothing is missing, and every result leads back to the data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from workflow import ROOT, read

from mirage.cli.command import main
from mirage.runtime import machine, provenance

DATA = "results/digits/data/300-100/{}.npz"


@pytest.fixture(scope="module")
def recorded(finished):
    return json.loads((finished / "results/digits/provenance.json").read_text())


@pytest.fixture
def back(finished, capsys):
    """Ask for the origin of something in the finished run; gives what is printed."""

    def ask(target, *row):
        main(["origin", str(finished / target), *row])
        return capsys.readouterr().out

    return ask


def files(printed):
    """The files that an answer names, each with the number of steps."""
    lines = [line for line in printed.splitlines() if "  sha256 " in line or "  (not kept)" in line]
    return {line.split()[0]: (len(line) - len(line.lstrip())) // 2 for line in lines}


def test_every_file_of_a_run_is_recorded_with_its_content(finished, recorded):
    folder = finished / "results/digits"
    # Beside logs, the record itself, and the report, which a run asks for after it.
    left_out = {"provenance.json", "report.html"}
    found = {
        path.relative_to(finished).as_posix(): machine.sha256(path)
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.relative_to(folder).parts
        if path.name not in left_out
    }
    assert len(found) > 70
    kept = {
        name: entry["sha256"]
        for name, entry in recorded["files"].items()
        if name.startswith("results/") and "sha256" in entry
    }
    assert kept == found
    # All but those that a rule makes and nothing keeps.
    assert set(recorded["files"]) - set(found) - {
        "results/digits/perturbed/float64/seed1/epoch4/deepfool_minimal.npz"
    } == {
        *(f"studies/{name}/published.csv" for name in ("yue2018", "rana")),
        "scripts/mirage/auditing/audit.html.j2",
    }
    assert all("job" in recorded["files"][name] for name in found)


def test_what_made_the_results_is_recorded(finished, recorded):
    config = read(finished, "config/test.yaml")
    assert recorded["configuration"]["runs"].keys() == config["runs"].keys()
    assert recorded["seeds"]["float32"] == [1, 2]
    assert len(recorded["version"]["sources"]) == 64
    assert recorded["environment"]["packages"]["keras"] == recorded["versions"]["keras"]
    assert len(recorded["lock"]) == 12
    assert recorded["machine"]["cores"] == os.cpu_count()
    trained = [job for job in recorded["jobs"] if job["rule"] == "train"]
    assert {job["node"] for job in trained} == {recorded["machine"]["node"]}
    assert all(job["seconds"] > 0 for job in recorded["jobs"])
    assert recorded["began"] < recorded["ended"]
    for job in recorded["jobs"]:
        assert job["script"] in recorded["code"][job["code"]]
        assert "changed" not in job
        for name, digest in recorded["code"][job["code"]].items():
            assert machine.sha256(finished / name) == digest


def test_nothing_private_is_recorded(finished, recorded):
    text = (finished / "results/digits/provenance.json").read_text()
    for private in (str(finished), str(Path.home()) + "/", str(Path(sys.prefix))):
        assert private not in text


def test_every_figure_and_table_leads_back_to_the_data(finished, back):
    results = finished / "results/digits"
    shown = [*(results / "figures").iterdir(), *(results / "tables").iterdir()]
    assert len(shown) > 30
    for path in shown:
        found = files(back(path.relative_to(finished)))
        data = [name for name in found if name.startswith("results/digits/data/")]
        assert data, path
        if path.stem != "digits":
            assert any(name.endswith(".keras") for name in found), path


def test_every_row_leads_back_to_the_checkpoint_of_its_epoch(finished, back):
    rows = pd.read_csv(finished / "results/digits/tables/attacks.csv", dtype=str)
    rows = rows.drop_duplicates(["run", "epoch", "attack", "defence", "dtype"])
    assert len(rows) > 10
    for row in rows.fillna("").to_dict("records"):
        asked = [f"{key}={row[key]}" for key in provenance.ROW]
        printed = back("results/digits", *asked)
        assert f"accuracy {row['accuracy']}," in printed
        found = files(printed)
        own = f"results/digits/checkpoints/{row['run']}/seed{row['seed']}/epoch{row['epoch']}.keras"
        attacked = {name for name, steps in found.items() if steps == 1 and "keras" in name}
        source = own.replace(row["run"], "float32", 1) if row["attack"] == "transfer" else own
        assert attacked == {own, source}
        assert DATA.format(row["split"]) in found or row["run"] == "small"


def test_a_row_of_a_gradient_leads_back_to_the_checkpoint_of_its_epoch(back):
    asked = ["gradient=cross_entropy_mean", "run=float64", "epoch=4"]
    printed = back("results/digits", *asked)
    assert "zero_share" in printed
    found = files(printed)
    checkpoints = {name for name, steps in found.items() if steps == 1 and "keras" in name}
    assert checkpoints == {"results/digits/checkpoints/float64/seed1/epoch4.keras"}
    # With an attack, the gradient is the one that the attack follows.
    assert "accuracy" in back("results/digits", *asked, "attack=fgsm", "epsilon=0.1")


def test_more_than_one_row_is_refused_with_what_would_tell_them(finished):
    with pytest.raises(
        SystemExit, match=r"6 rows are such; say which: seed 1, 2; epsilon 0, 0\.05"
    ):
        main(["origin", str(finished / "results/digits"), "run=float32", "epoch=4"])
    with pytest.raises(SystemExit, match="no row of an attack or a gradient has run unknown"):
        main(["origin", str(finished / "results/digits"), "run=unknown"])
    with pytest.raises(SystemExit, match="colour: no column that tells a row; there are run, seed"):
        main(["origin", str(finished / "results/digits"), "colour=red"])


def test_a_result_that_is_not_the_recorded_one_any_more_is_told(run, capsys):
    sweep = "results/digits/attacks/float64/seed1/test/bare/fgsm_exact/float64/sweep.csv"
    # Moved, but as it was.
    (run / "results/digits").rename(run / "moved")
    main(["origin", str(run / "moved/tables/attacks.csv")])
    main(["origin", str(run / "moved"), "run=small", "seed=1", "epoch=1", "epsilon=0.3"])
    (run / "moved").rename(run / "results/digits")
    (run / sweep).write_text((run / sweep).read_text().replace("0.05", "0.06"))
    with pytest.raises(SystemExit, match=f"not the recorded ones any more: {sweep}$"):
        main(["origin", str(run / "results/digits/tables/attacks.csv")])
    assert f"{sweep}  sha256" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 99}', '{"format": 2}', '{"format": 2', None]
)
def test_a_missing_or_damaged_record_ends_in_one_message(tmp_path, content):
    if content is not None:
        (tmp_path / "provenance.json").write_text(content)
    command = [sys.executable, ROOT / "scripts/mirage", "origin"]
    done = subprocess.run([*command, tmp_path / "figure.png"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("origin: ")
    assert "Traceback" not in done.stderr
    assert "run" in done.stderr


def record_anew(folder):
    """What the rule does, in a copy; gives the record as text."""
    place = folder / "results/digits/provenance.json"
    results = [
        path.relative_to(folder)
        for kind in ("tables", "figures", "audits")
        for path in sorted((folder / f"results/digits/{kind}").rglob("*.*"))
    ]
    options = ["--configuration", "results/digits/configuration.yaml", '--job={"lock": "x"}']
    script = folder / "scripts/provenance.py"
    done = subprocess.run(
        [sys.executable, script, *options, "--results", *results, "--output", place],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return place.read_text()


def test_a_damaged_record_is_made_anew_by_the_next_run(run):
    """It is made use of, and must not stand in the way."""
    place = run / "results/digits/provenance.json"
    whole = json.loads(place.read_text())["files"]
    for content in (
        "",
        '{"format": 2, "folder": "", "files": []}',
        '{"format": 2, "files": {"a": 3}}',
    ):
        place.write_text(content)
        files = json.loads(record_anew(run))["files"]
        assert {name: entry.get("sha256") for name, entry in files.items()} == {
            name: entry.get("sha256") for name, entry in whole.items()
        }


def test_a_private_folder_in_the_configuration_is_left_out_of_the_record(run):
    path = run / "results/digits/configuration.yaml"
    text = path.read_text()
    assert "data_folder: ''" in text
    path.write_text(text.replace("data_folder: ''", f"data_folder: {Path.home() / 'mnist'}"))
    record = record_anew(run)
    assert str(Path.home() / "mnist") not in record
    assert '"data_folder": "~/mnist"' in record
