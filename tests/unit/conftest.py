"""What the tests of the configuration share."""

import configurations
import pytest


@pytest.fixture
def given_config():
    """A small valid configuration, for a test to spoil."""
    return configurations.small()
