"""Measure the checkpoints of a run: spectral norms, logit margins, class accuracies."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.evaluation import passes
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Measure
from mirage.runtime.errors import script


@script
def main() -> None:
    """Measure and write the table."""
    args = Measure.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    found = passes.measure(args.checkpoints, images, labels)
    rows = [
        {**job.columns(), "epoch": epoch, **row}
        for epoch, measured in zip(job.epochs, found, strict=True)
        for row in measured
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
