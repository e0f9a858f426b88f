"""What the jobs of the data do."""

from mirage.runtime.job import Job


class Download(Job):
    """Fetch the files of a data set.

    The sums are those of the register: where one changes, the files are fetched again.
    """

    dataset: str
    sums: tuple[str, ...] = ()


class Prepare(Job):
    """Split a data set: so many images train, so many validate; drawn at random with a seed."""

    dataset: str
    train: int
    validation: int
    seed: int | None = None
