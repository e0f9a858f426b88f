"""What a training job does; without TensorFlow, so that jobs can be planned."""

from typing import Any

from mirage.runtime.job import Job


class Link(Job):
    """One link of a chain: from the checkpoint before it to the next.

    Attributes:
        dataset, run, seed: Of the chain; the first columns of its rows.
        network: Its `name` and sizes.
        initial_weights: `name` and values of what a network without a checkpoint begins with.
        dtype: Of weights and arithmetic.
        optimizer, objective: `name` and arguments.
        learning_rate: A constant, or `initial` and `decay_epochs`.
        l2: Weight of the sum over layers of 0.5 * ||W||^2.
        batch_size: Images of a step.
        teacher: What the checkpoint of the teacher must say of itself, where there is one.
        first_epoch, last_epoch: Those that are trained; the last is that of the checkpoint.
    """

    dataset: str
    run: str
    seed: int
    network: dict[str, Any]
    initial_weights: dict[str, Any]
    dtype: str
    optimizer: dict[str, Any]
    learning_rate: float | dict[str, float]
    objective: dict[str, Any]
    l2: float = 0.0
    batch_size: int
    teacher: dict[str, Any] | None = None
    first_epoch: int
    last_epoch: int
