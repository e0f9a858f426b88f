"""A study of hundreds of jobs, killed half-way and called again: the benchmark, made small."""

import re
import sys

import pytest
from benchmarks import scale

JOBS = 500


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_study_is_killed_and_resumed_and_every_byte_is_that_of_an_undisturbed_one(tmp_path):
    # It refuses a run that is not as it should be.
    report = scale.study(tmp_path, JOBS)
    print(report)
    assert (tmp_path / "killed" / scale.KILLED).exists()
    samples = (tmp_path / "killed" / scale.SAMPLES).read_text().splitlines()
    assert {line.split(",")[0] for line in samples} == {"1", "2"}
    jobs, done = re.search(r"^(\d+) jobs .*\nWhen (\d+) were", report).groups()
    assert int(jobs) / 2 <= int(done) < int(jobs)
    # The folder is no other study's.
    with pytest.raises(RuntimeError, match="another study; name another folder"):
        scale.study(tmp_path, 2 * JOBS)
