"""Jobs to repeat in a damaged copy of a run."""

import pytest
from jobs import Jobs


@pytest.fixture(scope="session")
def jobs(finished):
    """The jobs of config/test.yaml, forked from a process that has imported TensorFlow."""
    return Jobs(finished)
