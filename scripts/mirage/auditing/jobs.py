"""What the jobs of audits do; without TensorFlow, so that jobs can be planned."""

import argparse
from pathlib import Path
from typing import Any

from mirage.runtime.job import Job


class Audit(Job):
    """Audit a model.

    Attributes:
        title: How its page calls the model.
        data: How its page calls the images.
        trained: What a checkpoint of ours must say of itself: dataset, network, dtype; None for a
            model of others.
        function: Of the architecture, where that is a file of Python; else empty.
        range: Smallest and largest pixel that the model takes; None where the model tells.
        allow_code: Whether code in the model's file may run.
        images: How many, from the first on; None for all.
        epsilons: As text.
        norm, quick, queries, seed: As in `mirage.auditing.audited.audit`.
    """

    title: str
    data: str
    trained: dict[str, Any] | None
    function: str
    range: tuple[float, float] | None
    allow_code: bool
    images: int | None
    epsilons: list[str]
    norm: str
    quick: bool
    queries: int
    seed: int

    @classmethod
    def parser(cls, description: str) -> argparse.ArgumentParser:
        """As that of every job, with the files that it reads and writes."""
        parser = super().parser(description)
        parser.add_argument("--model", type=Path, required=True, help="file of the model")
        parser.add_argument("--data", type=Path, required=True, help=".npz of images and labels")
        parser.add_argument("--architecture", type=Path, nargs="*", default=[], help="of weights")
        parser.add_argument("--output", type=Path, nargs=3, required=True, help="json, csv, html")
        return parser
