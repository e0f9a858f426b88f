"""Make images that an attack misleads a network on, to be shown beside the originals."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

import numpy as np

from mirage.evaluation import passes
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import Examples
from mirage.runtime.errors import script
from mirage.runtime.files import atomic


@script
def main() -> None:
    """Attack and save the examples."""
    args = Examples.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    found = passes.examples(
        args.checkpoints[0],
        images,
        labels,
        method=job.method,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
        count=job.count,
        defence=job.filter,
    )
    with atomic(args.output) as temporary:
        np.savez(temporary, **found)


if __name__ == "__main__":
    main()
