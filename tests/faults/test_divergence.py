"""A run that diverges stops with its epoch and loss; what came before stays, and others go on."""

import csv

import pytest
from architectures import mlp
from small import CONFIGURATION, configure
from workflow import snakemake

# The weight decay multiplies the weights by about -10,000 in each of the six steps of an epoch: in
# float32 they are finite after the first epoch, and not after the second.
DIVERGING = {
    "network": mlp(),
    "dtype": "float32",
    "optimizer": {"name": "sgd"},
    "batch_size": 50,
    "l2": 1.0,
    "learning_rate": 1e4,
    "epochs": [1, 4],
}


@pytest.mark.thorough
def test_a_run_that_diverges(fresh):
    configure(fresh, {"diverging": DIVERGING})
    result = snakemake(fresh, "--configfile", CONFIGURATION)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    results = fresh / "results/digits"
    told = (
        "train: epoch 2: the validation loss is nan at learning rate 10000. Training has diverged: "
        "lower the learning rate of this run. The checkpoint before this epoch is kept."
    )
    log = results / "logs/train/diverging/seed1/epoch4.log"
    assert log.read_text().splitlines()[-1] == told
    assert told in result.stdout  # Snakemake shows the log of a job that failed

    chain = results / "checkpoints/diverging/seed1"
    assert {file.name for file in chain.iterdir()} == {"epoch1.keras", "epoch1.csv"}
    with (chain / "epoch1.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["loss"]) < float("inf")
    # All that does not need it is made.
    assert (results / "figures/by-epoch.png").exists()
    assert (results / "measures/float64/seed1.csv").exists()
    assert not (results / "tables/attacks.csv").exists()
    # And what is left is refused once more, not taken for done.
    again = snakemake(fresh, "--configfile", CONFIGURATION, "--quiet", "rules", "host")
    assert again.returncode == 1
    assert told in again.stdout
