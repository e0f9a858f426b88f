"""The record of where results come from: complete, true, cheap, and without private paths."""

import json
from pathlib import Path

import pytest

from mirage.runtime import code, machine, provenance

SCRIPTS = Path(code.__file__).parents[2]


def made(rule, script, inputs=(), *, log="log", checksums=None, at=0, ran=None, **job):
    """What Snakemake keeps of a job."""
    job["code"] = ran or code.of(SCRIPTS / script)
    return {
        "rule": rule,
        "input": [*inputs],
        "params": [repr("a caption"), repr(json.dumps(job)), "5"],
        "log": [log],
        "shellcmd": f"python {script} --job {json.dumps(job)}",
        "starttime": 1_000_000 + at,
        "endtime": 1_000_001.5 + at,
        "input_checksums": checksums,
    }


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A run of three jobs, one file of which is not kept: data, two checkpoints, a figure."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "epoch1.keras", "epoch2.keras", "figure.png", "studies/hao"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    Path("scripts").symlink_to(SCRIPTS)
    Path("log").write_text("Node n1; SLURM job 7; image /home/jane/mirage-1.sif\nepoch 1\n")
    train = made("train", "train.py", ["data"], seed=1)
    return {
        "data": made("prepare", "prepare.py", at=-5),
        "epoch1.keras": train,
        "epoch2.keras": train,
        "perturbed": made("perturb", "perturb.py", ["epoch1.keras"]),
        "figure.png": made(
            "figure",
            "figure.py",
            ["epoch1.keras", "epoch2.keras", "perturbed", "studies/hao"],
            at=5,
        ),
    }


def recorded(study, before=None):
    return provenance.record(["figure.png"], study.get, ".", before)


def job_of(content, name):
    return content["jobs"][content["files"][name]["job"]]


def test_every_file_on_the_way_back_is_there_with_its_content_and_its_job(study):
    content = recorded(study)
    assert set(content["files"]) == {*study, "studies/hao"}
    for name in set(content["files"]) - {"perturbed"}:
        assert content["files"][name]["sha256"] == machine.sha256(name)
        assert content["files"][name]["bytes"] == len(name)
    assert content["files"]["perturbed"] == {"kept": False, "job": 3}
    assert "job" not in content["files"]["studies/hao"]
    assert len(content["jobs"]) == 4  # the two checkpoints are of one
    assert job_of(content, "epoch2.keras") is job_of(content, "epoch1.keras")
    assert job_of(content, "epoch1.keras") == {
        "rule": "train",
        "script": "scripts/train.py",
        "began": "1970-01-12T13:46:40Z",
        "seconds": 1.5,
        "node": "n1",
        "slurm_job": "7",
        "image": "mirage-1.sif",
        "parameters": {"seed": 1},
        "inputs": ["data"],
        "code": code.of(SCRIPTS / "train.py")["hash"],
    }
    files = content["code"][code.of(SCRIPTS / "train.py")["hash"]]
    assert len(files) == len(code.files(SCRIPTS / "train.py"))
    assert all(machine.sha256(file) == digest for file, digest in files.items())
    assert provenance.span(content["jobs"]) == {
        "began": "1970-01-12T13:46:35Z",
        "ended": "1970-01-12T13:46:46Z",
        "job_seconds": 6.0,
    }


def test_code_that_is_another_by_now_is_taken_from_the_record_before(study):
    ran = {"script": "train.py", "modules": [], "hash": "before"}
    study["epoch2.keras"] = made("train", "train.py", ["data"], ran=ran, seed=2)
    before = {"files": {}, "code": {"before": {"scripts/train.py": "c3"}}}
    job = job_of(recorded(study, before), "epoch2.keras")
    assert job["code"] == "before"
    assert recorded(study, before)["code"]["before"] == {"scripts/train.py": "c3"}
    # A run that was stopped has left no record; only the hash is known.
    assert recorded(study)["code"]["before"] is None


def test_a_file_that_was_another_when_it_was_read_is_told(study):
    then = {
        "epoch1.keras": "sha256:00",
        "epoch2.keras": f"sha256:{machine.sha256('epoch2.keras')}",
    }
    study["figure.png"]["input_checksums"] = then
    assert job_of(recorded(study), "figure.png")["changed"] == {"epoch1.keras": "00"}


def test_files_of_the_workflow_are_named_as_in_its_folder(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "studies")
    Path("figure").touch()
    one = made("figure", "figure.py", ["../studies/hao"])
    content = provenance.record(["figure"], {"figure": one}.get, "..")
    assert set(content["files"]) == {"figure", "studies/hao"}
    assert content["jobs"][0]["script"] == "scripts/figure.py"
    assert content["jobs"][0]["inputs"] == ["studies/hao"]
    (files,) = content["code"].values()
    assert {"scripts/figure.py", "scripts/mirage/__init__.py"} <= set(files)


def test_what_has_not_changed_is_not_read_again(study, monkeypatch):
    before = recorded(study)
    read = []
    original = machine.sha256
    monkeypatch.setattr(machine, "sha256", lambda path: (read.append(path), original(path))[1])
    assert recorded(study, before) == before
    assert read == []
    Path("epoch1.keras").write_text("other")
    assert recorded(study, before)["files"]["epoch1.keras"] != before["files"]["epoch1.keras"]
    assert read == ["epoch1.keras"]


def test_a_job_without_a_specification_is_refused():
    with pytest.raises(provenance.ProvenanceError, match="no specification of a job among"):
        provenance.specification(["'a caption'", "5"])


def test_where_a_job_ran_is_read_from_its_log(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "Node a-b.c; GPU allocated: 0; no container\nGPU: NVIDIA H200, the first of 1 seen\n"
    )
    assert provenance.host([str(log)]) == {"node": "a-b.c", "gpu": "NVIDIA H200"}
    log.write_text("Reading Node x; image y\n")
    assert provenance.host([str(log), str(tmp_path / "none")]) == {}


def test_private_paths_are_left_out_and_others_are_not():
    private = {"/home/jane": "~", "/home/jane/study": ".", "/data (jane)": "$MNIST_DIR"}
    told = {
        "a": ["/home/jane/study/results/x", "--folder=/home/jane", "/home/jane's", "/home/janet/x"],
        "b": {"c": "/srv/home/jane/x", "d": "/data (jane)/t10k", "e": 1, "f": None},
        "/data (jane)/model.h5": {},
    }
    assert provenance.public(told, private) == {
        "a": ["./results/x", "--folder=~", "~'s", "/home/janet/x"],
        "b": {"c": "/srv/home/jane/x", "d": "$MNIST_DIR/t10k", "e": 1, "f": None},
        "$MNIST_DIR/model.h5": {},
    }


def test_a_file_in_the_folder_of_a_variable_is_found_there(monkeypatch):
    place = {"folder": "results/x"}, "$MIRAGE_MODELS/a.h5", Path("results/x"), Path()
    monkeypatch.delenv("MIRAGE_MODELS", raising=False)
    assert provenance.locate(*place) == Path("$MIRAGE_MODELS/a.h5")
    monkeypatch.setenv("MIRAGE_MODELS", "/models")
    assert provenance.locate(*place) == Path("/models/a.h5")


def test_a_record_is_json_with_a_line_for_each_file(study):
    content = {"format": 1, "images": [], "seeds": {"ä": [1]}, **recorded(study)}
    text = provenance.text(content)
    assert json.loads(text) == content
    assert sum('"sha256"' in line for line in text.splitlines()) == 5


# --- The way back -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("results/digits/tables/a.csv", "/moved/tables/a.csv"),
        ("studies/hao/published.csv", "/workflow/studies/hao/published.csv"),
        ("results/digits-2/a.csv", "/workflow/results/digits-2/a.csv"),
    ],
)
def test_results_lie_beside_their_record_and_all_else_in_the_workflow(name, place):
    content = {"folder": "results/digits"}
    assert provenance.locate(content, name, Path("/moved"), Path("/workflow")) == Path(place)


def test_the_way_back_ends_at_the_data_and_repeats_nothing(study):
    assert list(provenance.chain(recorded(study), "figure.png")) == [
        (0, "figure.png", False),
        (1, "epoch1.keras", False),
        (2, "data", False),
        (1, "epoch2.keras", False),
        (2, "data", True),
        (1, "perturbed", False),
        (2, "epoch1.keras", True),
        (1, "studies/hao", False),
    ]
    with pytest.raises(provenance.ProvenanceError, match=r"fig: .*it has figure.png"):
        list(provenance.chain(recorded(study), "fig"))
    with pytest.raises(provenance.ProvenanceError, match=r"table: .*made by another run"):
        list(provenance.chain(recorded(study), "table"))
