"""Take a probe of the checkpoints of a run: a measurement that is no attack, as tidy CSV."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.evaluation import probes
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Probe
from mirage.runtime.errors import script


@script
def main() -> None:
    """Measure and write the table."""
    args = Probe.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    found = probes.probe(
        *(args.checkpoints, images[: job.images], labels[: job.images]),
        method=job.method,
        parameters=job.parameters,
        seeds=[(job.seed, epoch) for epoch in job.epochs],
    )
    rows = [
        {**job.columns(), "epoch": epoch, "measure": job.probe, "item": item, "value": value}
        for epoch, items in zip(job.epochs, found, strict=True)
        for item, value in items
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
