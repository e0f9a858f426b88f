"""Start PGD many times at a few images: the loss before and after each, as tidy CSV."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.evaluation import restarts
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Restarts
from mirage.runtime.errors import script


@script
def main() -> None:
    """Attack and write the table."""
    args = Restarts.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    found = restarts.losses(
        args.checkpoints[0],
        images,
        labels,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
        count=job.images,
        starts=job.starts,
    )
    first = job.columns(attack=job.attack, defence=job.defence)
    first |= {"epoch": job.epoch, "dtype": job.dtype, "epsilon": job.epsilon}
    write_rows([{**first, **row} for row in found], args.output)


if __name__ == "__main__":
    main()
