"""What goes wrong on a cluster, for real.

Either one more `snakemake` finishes and repeats one link, or SLURM queues the job again and the
same `snakemake` finishes.
"""

import contextlib
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


def ends(process, project, undisturbed):
    """The run that is under way ends well, the chain begun twice, and the tables are the same."""
    assert process.wait(900) == 0, project.output()
    finishes(project, undisturbed, {1: 2, 2: 2, 3: 1})


def node_of(job):
    """Where a job runs; empty while it is queued."""
    return command("squeue", "-h", "-j", job, "-o", "%N").strip()


def wait_for_requeue(job):
    """Wait until SLURM has put a job into its queue again, and let it start at once."""

    def pending():
        return command("squeue", "-h", "-j", job, "-o", "%T").strip() == "PENDING"

    wait("the job to be queued again", pending)
    # By itself it would start two minutes later.
    command("scontrol", "update", f"JobId={job}", "StartTime=now")


def set_down(node):
    """A node is no longer there for jobs; what runs on it fails."""
    command("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")


@contextlib.contextmanager
def down(node):
    """A node is not there for a while."""
    set_down(node)
    try:
        yield
    finally:
        command("scontrol", "update", f"NodeName={node}", "State=RESUME")
        wait("the node", lambda: "down" not in command("sinfo", "-hn", node, "-o", "%t"))


@contextlib.contextmanager
def busy(nodes, partition="main"):
    """Nodes are another's for a while."""
    options = ("--parsable", "-p", partition, "-w", ",".join(nodes), "-N", str(len(nodes)))
    job = command(
        "sbatch", *options, "--exclusive", "-o", "/dev/null", "--wrap", "sleep 3600"
    ).strip()
    try:
        wait(f"{nodes} to be busy", lambda: states(job) == "RUNNING")
        yield
    finally:
        command("scancel", job)


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
    with down(node_of(job)):
        broken(project, job, "NODE_FAIL")
        assert process.wait(900) == 1
        hold.unlink()
        # The other node does the rest.
        finishes(project, undisturbed, {1: 1, 2: 2, 3: 1})


def test_one_node_goes_and_another_comes_while_a_run_goes_on(project, undisturbed):
    lines = command("sinfo", "-hNp", "main", "-o", "%N %t").splitlines()
    nodes = dict(line.split() for line in lines)
    spares = [node for node, state in nodes.items() if state == "down"]
    if not spares:
        pytest.skip("needs a third node, which is down so far")
    hold = project.stage("hold2")
    process = project.start("--slurm-requeue")
    job = project.held(2)
    gone = node_of(job)
    others = [node for node in nodes if node not in (gone, *spares)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(busy(others))
        stack.enter_context(down(gone))
        wait_for_requeue(job)
        command("scontrol", "update", f"NodeName={spares[0]}", "State=RESUME")
        stack.callback(set_down, spares[0])
        hold.unlink()
        wait("the job to run again", lambda: node_of(job) == spares[0])
        # The same Snakemake, to its end.
        ends(process, project, undisturbed)


def test_a_job_that_is_preempted(project, undisturbed):
    if not command("sinfo", "-hp", "urgent"):
        pytest.skip("needs a partition `urgent` that preempts the other")
    hold = project.stage("hold2")
    process = project.start("--slurm-requeue")
    job = project.held(2)
    with busy([node_of(job)], "urgent"):
        wait_for_requeue(job)
    hold.unlink()
    ends(process, project, undisturbed)


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
