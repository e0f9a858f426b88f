"""What a large study is run with: batches, and Snakemake's records in a database."""

import json

import pytest
from workflow import plan, snakemake, write

CONFIGURATION = "config/one.yaml"
RUN = {"network": {"name": "mlp", "hidden": [16]}, "epochs": [1, 2], "seeds": [1]}
OPTIONS = ("--persistence-backend", "db", "--configfile", CONFIGURATION)


def configure(folder, **run):
    """One run, one attack."""
    content = {
        "dataset": "digits",
        "split": {"train": 300, "validation": 100},
        "runs": {"run": RUN | run},
        "also": [{"run": "run", "attack": "fgsm", "epsilon": "0.1"}],
        "summary": {
            **{"runs": ["run"], "epsilon": "0.1"},
            "columns": [{"label": "FGSM", "attack": "fgsm", "dtype": "float32"}],
        },
    }
    write(folder, CONFIGURATION, content)


@pytest.mark.thorough
def test_a_run_in_batches_with_records_in_a_database(fresh):
    configure(fresh, learning_rate=0.01)
    first, second, whole = (
        (*OPTIONS, "--batch", "evaluations=1/2", "--", "evaluations"),
        (*OPTIONS, "--batch", "evaluations=2/2", "--", "evaluations"),
        OPTIONS,
    )
    everything = plan(fresh, *whole)
    assert set(everything) > set(plan(fresh, *first))
    for options in (first, second, whole):
        left = plan(fresh, *options)
        result = snakemake(fresh, *options)
        assert result.returncode == 0, result.stdout
        assert left
    # The evaluations are made by then.
    assert not {"train", "sweep", "gradients"} & {job.split()[0] for job in left}
    assert not (fresh / ".snakemake/metadata").exists()
    recorded = json.loads((fresh / "results/digits/provenance.json").read_text())
    assert len(recorded["jobs"]) == everything.total() - len(["all", "provenance"])
    # What is up to date stays, and a change reruns what depends on it.
    assert not plan(fresh, *whole)
    configure(fresh, learning_rate=0.02)
    again = plan(fresh, *whole)
    assert {"train run 1 1", "train run 1 2"} < set(again)
    assert not any(job.startswith("prepare") for job in again)
