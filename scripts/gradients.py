"""Measure a gradient of the checkpoints of a run: how much of it is gone or wrong, as tidy CSV."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.evaluation import masking
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Gradient
from mirage.runtime.errors import script


@script
def main() -> None:
    """Measure and write the table."""
    args = Gradient.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    images, labels = images[: job.images], labels[: job.images]
    found = masking.measure(
        *(args.checkpoints, images, labels),
        gradient=job.gradient,
        dtype=job.dtype,
        defence=job.filter,
    )
    rows = [
        {**job.columns(defence=job.defence), "epoch": epoch, **row}
        for epoch, row in zip(job.epochs, found, strict=True)
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
