"""What the jobs of attacks and measures do; without TensorFlow, so that jobs can be planned."""

import argparse
from pathlib import Path
from typing import Any

from mirage.runtime.job import Job


class OfRun(Job):
    """A job on checkpoints of one run and seed.

    Attributes:
        run, seed, split: Columns of its rows; attacks that draw at random take the seed.
        trained: What the checkpoints must say of themselves: dataset, network, dtype.
    """

    run: str
    seed: int
    split: str
    trained: dict[str, Any]

    @classmethod
    def parser(cls, description: str) -> argparse.ArgumentParser:
        """As that of every job, with the files that all of these read and write."""
        parser = super().parser(description)
        parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
        parser.add_argument("--checkpoints", type=Path, nargs="+", required=True, help=".keras")
        parser.add_argument("--output", type=Path, required=True, help=".csv, or .npz of images")
        return parser

    def columns(self, **more: object) -> dict[str, object]:
        """The first columns of the job's rows; `epoch` has its place among them."""
        first = {"dataset": self.trained["dataset"], "run": self.run, "seed": self.seed}
        return {**first, "epoch": None, "split": self.split, **more}


class Measure(OfRun):
    """Measure checkpoints of these epochs."""

    epochs: list[int]


class Gradient(OfRun):
    """Measure a gradient of checkpoints of these epochs.

    Attributes:
        gradient: The loss that it is of, a name in `mirage.attacks.gradients.LOSSES`.
        dtype: Of the gradient.
        defence: Name of the defence.
        filter: The defence's method and parameters; None for the bare network.
        images: At how many, from the first on; None for all.
    """

    epochs: list[int]
    gradient: str
    dtype: str
    defence: str
    filter: dict[str, Any] | None = None
    images: int | None = None


class Probe(OfRun):
    """Take a probe of checkpoints of these epochs.

    Attributes:
        probe: Its name in the configuration, the measure of its rows.
        method: Module of `mirage.evaluation.probes`.
        parameters: Of the method.
        images: Of how many, from the first on; None for all.
    """

    epochs: list[int]
    probe: str
    method: str
    parameters: dict[str, Any]
    images: int | None = None


class OfAttack(OfRun):
    """A job with one attack.

    Attributes:
        attack: Its name in the configuration.
        method: Module of `mirage.attacks`.
        parameters: Of the method.
        dtype: Of the gradient.
        defence: Name of the defence.
        filter: The defence's method and parameters; None for the bare network.
    """

    attack: str
    method: str
    parameters: dict[str, Any]
    dtype: str
    defence: str
    filter: dict[str, Any] | None = None


class Attack(OfAttack):
    """Attack checkpoints.

    Attributes:
        epochs: Of the checkpoints.
        epsilons: As text; none where the attack takes none.
        images: How many are attacked, from the first on; None for all.
        adaptive: Whether the attacker knows the defence.
    """

    epochs: list[int]
    epsilons: list[str]
    images: int | None = None
    adaptive: bool = False


class AttackOne(OfAttack):
    """Attack one checkpoint.

    Attributes:
        epoch: Of the checkpoint.
        epsilon: As text; empty where the attack takes none.
    """

    epoch: int
    epsilon: str = ""


class Examples(AttackOne):
    """Keep `count` images that the attack misleads the checkpoint on."""

    count: int = 20


class Restarts(AttackOne):
    """Start PGD `starts` times at each of the first `images` rightly classified images."""

    images: int = 10
    starts: int = 500
