"""What goes wrong on a cluster, for real: one more `snakemake` finishes, and repeats one link."""

import os
import signal

import pytest
from projects import command, wait


def states(job: str) -> str:
    return command("sacct", "-XnP", "-j", job, "-o", "State").strip()


def finishes(project, undisturbed, trained):
    """One more run ends well, with the links trained so often, and the tables are the same."""
    project.finish()
    assert dict(project.trained()) == trained
    expected = undisturbed.tables()
    for name, table in project.tables().items():
        assert table.equals(expected[name]), name


def broken(project, job, state):
    """A run that ended with a failed job."""
    wait(f"job {job} to be {state}", lambda: states(job).startswith(state))


@pytest.fixture(autouse=True, params=range(int(os.environ.get("TIMES", "1"))))
def _again():
    """Each fault TIMES times."""


def test_a_job_over_its_time_limit(project, undisturbed):
    hold = project.stage("hold2")
    process = project.start()
    job = project.held(2)
    command("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    broken(project, job, "TIMEOUT")
    assert process.wait(900) == 1
    hold.unlink()
    finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})


def test_a_training_job_that_is_cancelled(project, undisturbed):
    hold = project.stage("hold2")
    process = project.start()
    job = project.held(2)
    command("scancel", job)
    broken(project, job, "CANCELLED")
    assert process.wait(900) == 1
    hold.unlink()
    finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})


def test_a_node_that_is_set_down(project, undisturbed):
    hold = project.stage("hold2")
    process = project.start()
    job = project.held(2)
    node = command("squeue", "-h", "-j", job, "-o", "%N").strip()
    command("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    try:
        broken(project, job, "NODE_FAIL")
        assert process.wait(900) == 1
        hold.unlink()
        # The other node does the rest.
        finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})
    finally:
        command("scontrol", "update", f"NodeName={node}", "State=RESUME")
        wait("the node", lambda: "down" not in command("sinfo", "-hn", node, "-o", "%t"))


def test_snakemake_is_killed(project, undisturbed):
    hold = project.stage("hold2")
    process = project.start()
    job = project.held(2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Its jobs run on: they are cancelled first, or they would be submitted twice.
    assert project.jobs() == [job]
    command("scancel", job)
    wait("the job to be gone", lambda: not project.jobs("RUNNING,COMPLETING"))
    hold.unlink()
    project.finish("--unlock")
    finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})


def test_a_job_over_its_memory_limit(project, undisturbed):
    greedy = project.stage("greedy2")
    process = project.start()
    job = project.held(2)
    wait(f"job {job} to end", lambda: states(job) in ("FAILED", "OUT_OF_MEMORY"))
    assert process.wait(900) == 1
    (log,) = project.folder.glob(f".snakemake/slurm_logs/**/{job}.log")
    assert "memory limit" in log.read_text()
    greedy.unlink()
    finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})
