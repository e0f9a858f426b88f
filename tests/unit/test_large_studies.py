"""What the benchmarks of large studies plan and copy."""

import pandas as pd
import pytest
from benchmarks import ROOT, gathering, planning, submissions

from mirage.reporting import rows
from mirage.study import config
from mirage.study.paths import Paths
from mirage.study.plan import Plan


@pytest.mark.parametrize("by", ["seeds", "runs"])
def test_a_plan_has_about_as_many_jobs_as_asked_for(by):
    study = config.read(planning.configuration(1_000, by), ROOT)
    pairs = [(run, seed) for run in study.runs for seed in study.runs[run]["seeds"]]
    assert len(pairs) * planning.PER_SEED == pytest.approx(1_000, rel=0.05)
    files = Plan(study, Paths("results"), ROOT).rows("attacks")
    assert len(set(files)) == len(pairs) * len(planning.DTYPES) * len(planning.EPSILONS)


def test_copies_of_a_seed_are_told_from_it_and_from_other_rows(tmp_path):
    folder = tmp_path / gathering.RUN.format(1) / "float32"
    folder.mkdir(parents=True)
    row = "digits,1,1,{},float32,0.1\n"
    small = "dataset,run,seed,epoch,dtype,epsilon\n" + row.format(1) + row.format(2)
    (folder / "eps0.1.csv").write_text(small)
    assert gathering.copied(tmp_path, range(2, 4)) == 3
    tables = [rows.read([file]) for file in sorted(tmp_path.rglob("*.csv"))]
    assert [set(table["seed"]) for table in tables] == [{1}, {2}, {3}]
    whole = pd.concat(tables, ignore_index=True)
    gathering.check(whole, tables[0], 3)
    for damaged in (whole[:-1], whole.assign(epoch=[1, 2, 1, 1, 1, 2]), whole.assign(seed=1)):
        with pytest.raises(ValueError, match="other rows"):
            gathering.check(damaged, tables[0], 3)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00.250", 0.25), ("01:02.5", 62.5), ("01:02:03", 3723), ("2-01:00:00", 176_400)],
)
def test_slurm_s_times_are_read(text, seconds):
    assert submissions.seconds(text) == seconds


def test_the_time_of_a_job_is_not_added_to_that_of_its_steps():
    lines = ["00:01.250|7", "00:01.250|7.batch", "00:00:00|7.extern", "01:00.500|8"]
    assert submissions.spent(lines) == 61.75


def test_messages_are_counted_by_their_type_and_not_again_by_user(monkeypatch):
    said = """
Remote Procedure Call statistics by message type
\tREQUEST_PING                            ( 1008) count:277    ave_time:274    total_time:76021
\tMESSAGE_EPILOG_COMPLETE                 ( 6012) count:1      ave_time:418    total_time:418

Remote Procedure Call statistics by user
\troot            (       0) count:1232   ave_time:432    total_time:533188
"""
    monkeypatch.setattr(submissions, "told", lambda *command: said)
    assert submissions.messages() == 278
