"""A run that is killed again and again gives what an undisturbed one gives, and repeats no job."""

import shutil
import subprocess
import sys

import kills
import pytest
from small import CONFIGURATION, configure

SEED = 1


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_six_kills(pristine, tmp_path):
    def prepare(folder):
        shutil.copytree(pristine, folder, ignore=shutil.ignore_patterns(".*"))
        configure(folder)

    outcome = kills.series(tmp_path, prepare, CONFIGURATION, 6, SEED, 6)
    print(outcome.report())
    assert len(outcome.kills) == 6
    assert {kill.kind for kill in outcome.kills} == {kind for kind, *_ in kills.KINDS}


@pytest.mark.thorough
def test_the_program_of_make_kills_starts():
    said = subprocess.run([sys.executable, kills.__file__, "--help"], capture_output=True)
    assert said.returncode == 0, said.stderr
