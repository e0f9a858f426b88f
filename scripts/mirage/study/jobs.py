"""What the jobs of tables, figures and claims do."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from mirage.runtime.job import Job


class Gathering(Job):
    """A job on as many files as the study has: more than a command line takes."""

    @classmethod
    def parser(cls, description: str) -> argparse.ArgumentParser:
        """As of any job. Where the command line is `-`, its words come from standard input."""
        parents = [super().parser(description)]
        return _FromInput(description=description, parents=parents, add_help=False)


class _FromInput(argparse.ArgumentParser):
    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        if args is None and sys.argv[1:] == ["-"]:
            # Each ends with a NUL, the one character that no word can have.
            args = os.fsdecode(sys.stdin.buffer.read()).split("\0")[:-1]
        return super().parse_args(args, namespace)


class Table(Gathering):
    """Make a table: all rows of a kind; or `cells`, `summary`, `published`, each as planned."""

    table: str
    options: Any = None


class Figure(Gathering):
    """Draw a figure of the plan."""

    figure: dict[str, Any]


class Claims(Gathering):
    """Judge claims.

    Attributes:
        dataset: That the tables were measured on.
        own: Claims beside those of the files.
        dtypes: Type of each run.
        twins: Exact-sign attack that takes the place of another, by its name.
        ball: Method of each attack that stays in the L-infinity ball, by its name.
        points: What published values are of, as `mirage.study.plan.Plan.points` gives it.
        figures: Paths of figures, by name.
    """

    dataset: str
    own: list[dict[str, Any]]
    dtypes: dict[str, str]
    twins: dict[str, str]
    ball: dict[str, str]
    points: list[dict[str, Any]]
    figures: dict[str, str]


class Configuration(Gathering):
    """Write the configuration down."""

    configuration: dict[str, Any]


class Provenance(Gathering):
    """Write down where all results come from; `lock` is the hash of the locked dependencies."""

    lock: str
