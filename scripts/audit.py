"""Audit a checkpoint, or a model of others: JSON, a row for each image, and a page."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.auditing.audited import audit_files
from mirage.auditing.jobs import Audit
from mirage.models import checkpoints
from mirage.runtime import device, provenance
from mirage.runtime.errors import script


@script
def main() -> None:
    """Audit and write; whatever the verdict is, the job has done what it should."""
    args = Audit.parser(__doc__).parse_args()
    job: Audit = args.job
    device.configure(args.threads)
    if job.trained is not None:
        checkpoints.verify([args.model], **job.trained)
    architecture = next(map(str, args.architecture), None)
    found = audit_files(
        *(args.model, args.data),
        architecture=f"{architecture}:{job.function}" if job.function else architecture,
        allow_code=job.allow_code,
        images=job.images,
        epsilon=[float(one) for one in job.epsilons],
        norm=job.norm,
        range=job.range,
        quick=job.quick,
        queries=job.queries,
        seed=job.seed,
        tell=logging.info,
    )
    hide = partial(provenance.public, private=provenance.private(Path(__file__).parents[1]))
    about = replace(
        found.about, model=job.title, data=job.data, notes=tuple(hide([*found.about.notes]))
    )
    made_with = found.provenance
    made_with = replace(made_with, options=hide(made_with.options), files=hide(made_with.files))
    replace(found, about=about, provenance=made_with).save(args.output[0].parent)
    logging.info("%s: %s", found.verdict, found.sentence)


if __name__ == "__main__":
    main()
