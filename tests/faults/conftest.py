"""Jobs to repeat in a damaged copy of a run."""

import os
import sys
from pathlib import Path

import pytest
from jobs import Jobs

import serve


@pytest.fixture(scope="session")
def jobs(finished):
    """The jobs of config/test.yaml, forked from a process that has imported TensorFlow."""
    found = Jobs(finished)
    server = serve.Server()
    before = dict(os.environ)
    os.environ.clear()
    # A job's `python` is the one of the tests; and the server's environment is that of the jobs.
    path = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path(before)])
    found.environment["PATH"] = path
    os.environ.update(found.environment)
    server.start()
    found.environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(before)
    yield found
    server.stop()
