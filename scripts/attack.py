"""Attack the checkpoints of a run at the given epsilons: one row for each, as tidy CSV."""

import itertools
import logging
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.evaluation import passes
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Attack
from mirage.models import checkpoints
from mirage.runtime.errors import script


@script
def main() -> None:
    """Attack and write the table."""
    parser = Attack.parser(__doc__)
    parser.add_argument("--sources", type=Path, nargs="*", help="transfer: whose gradient is used")
    args = parser.parse_args()
    job, images, labels = begin(args)
    checkpoints.verify(args.sources or [])
    mean_image = images.mean(axis=0)
    images, labels = images[: job.images], labels[: job.images]
    epsilons = job.epsilons or [""]
    found = passes.evaluate(
        args.checkpoints,
        args.sources or args.checkpoints,
        images,
        labels,
        method=job.method,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilons=epsilons,
        seeds=[(job.seed, epoch) for epoch in job.epochs],
        defence=job.filter,
        adaptive=job.adaptive,
        mean_image=mean_image,
    )
    first = job.columns(attack=job.attack, defence=job.defence)
    rows = []
    for (epoch, _), row in zip(itertools.product(job.epochs, epsilons), found, strict=True):
        rows.append({**first, "epoch": epoch, **row})
        size = f"  epsilon {row['epsilon']}" if row["epsilon"] else ""
        logging.info("epoch %d%s  accuracy %.4f", epoch, size, row["accuracy"])
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
