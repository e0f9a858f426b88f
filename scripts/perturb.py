"""Attack all images of a split, to train on them: images and labels as .npz."""

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.images import save
from mirage.evaluation import passes
from mirage.evaluation.begin import begin
from mirage.evaluation.jobs import AttackOne
from mirage.runtime.errors import script


@script
def main() -> None:
    """Attack and save."""
    args = AttackOne.parser(__doc__).parse_args()
    job, images, labels = begin(args)
    moved = passes.perturbed(
        args.checkpoints[0],
        images,
        labels,
        method=job.method,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
    )
    save(args.output, moved, labels)


if __name__ == "__main__":
    main()
