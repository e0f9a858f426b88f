"""What the jobs of the data do."""

from mirage.runtime.job import Job


class Download(Job):
    """Fetch the files of a data set."""

    dataset: str


class Prepare(Job):
    """Split a data set: so many images train, so many validate; drawn at random with a seed."""

    dataset: str
    train: int
    validation: int
    seed: int | None = None
