"""The slurm profile submits as many jobs as docs/cluster.md says."""

import re
import subprocess
import sys

import pytest
from workflow import ROOT, environment

CALLS = r"(\S+) `sbatch` calls for the published protocol instead of ([\d,]+)\."
HOURS = r".* \((\S+) hours asked for"


@pytest.mark.thorough
def test_the_page_on_clusters_says_how_many_jobs_are_submitted(fresh):
    command = [sys.executable, ROOT / "tests/helpers/submitted.py"]
    done = subprocess.run(command, cwd=fresh, env=environment(), text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = " ".join((ROOT / "docs/cluster.md").read_text().split())
    told = re.search(CALLS + HOURS, page).groups()
    expected = "{} submitted instead of {}, of {} hours at most".format(
        *(number.replace(",", "") for number in told)
    )
    assert expected in done.stdout.splitlines()
