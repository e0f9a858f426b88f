"""What the jobs of tables, figures and claims do."""

from typing import Any

from mirage.runtime.job import Job


class Table(Job):
    """Make a table: all rows of a kind; or `cells`, `summary`, `published`, each as planned."""

    table: str
    options: Any = None


class Figure(Job):
    """Draw a figure of the plan."""

    figure: dict[str, Any]


class Claims(Job):
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


class Configuration(Job):
    """Write the configuration down."""

    configuration: dict[str, Any]


class Provenance(Job):
    """Write down where all results come from; `lock` is the hash of the locked dependencies."""

    lock: str
