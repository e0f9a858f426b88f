"""Copies of the workflow: fresh ones, and ones in which config/test.yaml has been run."""

import shutil

import pytest
from workflow import copy_sources, snakemake


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """The sources as they are, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("pristine") / "mirage"
    copy_sources(folder)
    return folder


@pytest.fixture
def fresh(pristine, tmp_path):
    """A copy without results."""
    return shutil.copytree(pristine, tmp_path / "fresh", ignore=shutil.ignore_patterns(".*"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy in which config/test.yaml has been run, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("finished") / "mirage"
    copy_sources(folder)
    result = snakemake(folder, "--configfile", "config/test.yaml")
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished one, times of files included, elsewhere."""
    return shutil.copytree(finished, tmp_path / "run")
