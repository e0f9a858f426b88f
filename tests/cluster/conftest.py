"""A SLURM and an image to run projects with, or the reason why there is none."""

import contextlib
import os
import shutil
import signal
import subprocess
from importlib.util import find_spec

import pytest
from projects import Project, command
from workflow import processes


@pytest.fixture(scope="session", autouse=True)
def _slurm():
    """Skip where there is no SLURM with two nodes and GPUs to count."""
    if not shutil.which("sinfo"):
        pytest.skip("needs SLURM; `make cluster-test` brings one up (root, Debian)")
    try:
        nodes = command("sinfo", "-h", "-N", "-o", "%N %t %G").splitlines()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("SLURM does not answer; `make cluster-test` brings one up (root, Debian)")
    if len({node for node in nodes if "gpu" in node}) < 2:
        pytest.skip("needs a SLURM with two nodes that have GPUs, counted ones will do")
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("needs snakemake-executor-plugin-slurm (`make .venv/cluster`)")


@pytest.fixture(scope="session")
def undisturbed(image, tmp_path_factory):
    """A project that ran from end to end with nothing in its way."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "mirage", image)
    project.finish()
    return project


@pytest.fixture
def project(image, tmp_path):
    """A small project in which nothing has been run yet; no job of it outlives the test."""
    project = Project(tmp_path / "mirage", image)
    project.reduce()
    yield project
    for job in project.jobs("all"):
        subprocess.run(["scancel", job], check=False)
    # Nor does what a job of a lost node has started: without control groups SLURM misses it.
    for process in processes(project.folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
