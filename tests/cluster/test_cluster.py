"""The workflow through SLURM, in the container: where jobs run, what they ask for, their groups."""

import re

import pandas as pd
import pytest
from projects import CONFIGURATION, command
from workflow import copy_sources, snakemake


def accounted(project):
    """SLURM's account of the jobs of a project: one row each."""
    ids = re.findall(r"submitted with SLURM jobid (\d+)", project.output())
    assert ids
    columns = ["JobID", "State", "NodeList", "AllocTRES", "Partition", "Account"]
    lines = command("sacct", "-XnP", "-j", ",".join(ids), "-o", ",".join(columns)).splitlines()
    return pd.DataFrame([line.split("|") for line in lines], columns=columns)


def logs(project, folder):
    return {
        str(file.relative_to(project.folder)): file.read_text()
        for file in (project.folder / "results/digits/logs" / folder).rglob("*.log")
    }


def test_every_job_is_accounted_for_and_both_nodes_worked(undisturbed):
    jobs = accounted(undisturbed)
    assert (jobs["State"] == "COMPLETED").all()
    assert set(jobs["NodeList"]) == {"node1", "node2"}
    assert set(jobs["Partition"]) == {"main"}
    assert set(jobs["Account"]) == {"lab"}


def test_logs_say_node_job_gpu_and_image(undisturbed, image):
    found = {}
    for kind in ("train", "attacks", "gradients", "measures"):
        found |= logs(undisturbed, kind)
    assert len(found) == 4 + 3 + 1 + 2
    jobs = accounted(undisturbed).set_index("JobID")
    for file, text in found.items():
        line = re.search(
            r"^Node (\S+); SLURM job (\d+); GPU allocated: [01]; image (.*)$", text, re.M
        )
        assert line, (file, text)
        print(f"{file}: {line[0]}")
        assert line[1] == jobs.loc[line[2], "NodeList"]
        assert line[3].endswith(image.name)
        # These GPUs are only counted. That TensorFlow finds none of them must not go unsaid.
        assert "WARNING: this job was given a GPU" in text


def test_gpus_are_for_jobs_that_compute(undisturbed):
    jobs = accounted(undisturbed)
    gpus = jobs["AllocTRES"].str.contains("gres/gpu=1")
    # Two chains, and the evaluations of two runs; neither the data, nor tables and figures.
    assert gpus.sum() == 2 + 2
    # The data, four tables of all rows, all small ones, the figure.
    assert (~gpus).sum() == 1 + 4 + 1 + 1


def test_a_chain_is_one_job_and_so_are_the_attacks_of_a_run_and_seed(undisturbed):
    in_job = {}
    for file, log in (logs(undisturbed, "train") | logs(undisturbed, "attacks")).items():
        kind, run = file.split("/")[3:5]
        in_job.setdefault((kind, run), set()).add(re.search(r"SLURM job (\d+)", log)[1])
    assert {key: len(jobs) for key, jobs in in_job.items()} == {
        ("train", "float32"): 1,
        ("train", "float64"): 1,
        ("attacks", "float32"): 1,
    }


def test_a_chain_is_one_step_and_has_imported_tensorflow_once(undisturbed):
    links = {tuple(file.split("/")[4:7:2]): log for file, log in logs(undisturbed, "train").items()}
    run_by = {link: re.search("^Run by (.*)", log, re.M)[1] for link, log in links.items()}
    assert {link: "serve.py" in command for link, command in run_by.items()} == {
        ("float32", "epoch1.log"): True,
        ("float32", "epoch2.log"): True,
        ("float32", "epoch3.log"): True,
        # A server would not pay for a single link.
        ("float64", "epoch1.log"): False,
    }
    job = re.search(r"SLURM job (\d+)", links["float32", "epoch3.log"])[1]
    steps = command("sacct", "-nP", "-j", job, "-o", "JobID").split()
    assert steps == [job, f"{job}.batch", f"{job}.0"]


def test_results_are_those_of_a_run_without_slurm_and_container(undisturbed, tmp_path):
    local = tmp_path / "local"
    copy_sources(local)
    (local / "tests/cluster").mkdir(parents=True)
    (local / CONFIGURATION).write_text((undisturbed.folder / CONFIGURATION).read_text())
    result = snakemake(local, "--configfile", CONFIGURATION)
    assert result.returncode == 0, result.stdout
    for table in ("attacks", "gradients", "history", "measures", "summary"):
        file = f"results/digits/tables/{table}.csv"
        one, other = (
            pd.read_csv(folder / file, dtype=str).drop(columns="seconds", errors="ignore")
            for folder in (undisturbed.folder, local)
        )
        pd.testing.assert_frame_equal(one, other)


def test_slurm_is_asked_for_gpu_memory_and_time_and_for_more_at_the_second_attempt(project):
    project.stage("hold1")
    project.start("--retries", "1")
    seen = []
    for attempt in (1, 2):
        job = project.held(1, times=attempt)
        shown = command("scontrol", "show", "job", job)
        print(shown)
        assert re.search(r"TresPerJob=gres:gpu:1|TresPerJob=gpu:1", shown), shown
        assert "CPU_IDs" in command("scontrol", "-d", "show", "job", job)
        assert re.search(r"GRES=gpu:1\(IDX:[01]\)", command("scontrol", "-d", "show", "job", job))
        hours, minutes = re.search(r"TimeLimit=(\d+):(\d+):00", shown).groups()
        memory = re.search(r"mem=(\d+)([MG])", shown)
        seen.append(
            (60 * int(hours) + int(minutes), int(memory[1]) * {"M": 1, "G": 1000}[memory[2]])
        )
        command("scancel", job)
    # Three links of half an hour each, one after another; the memory of one.
    assert seen[0] == (90, 2000)
    assert seen[1][0] == 180
    assert seen[1][1] == pytest.approx(4000, rel=0.03)
