"""How much of a gradient is gone or wrong, over the checkpoints of a run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mirage.attacks import gradients, inputs
from mirage.data.images import as_float
from mirage.evaluation.passes import defended
from mirage.models import networks
from mirage.models.cast import assign, cast
from mirage.models.checkpoints import load, load_weights


def measure(
    checkpoints: Sequence[Path],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    gradient: str,
    dtype: str,
    defence: Mapping | None = None,
) -> Iterator[dict[str, object]]:
    """Measure a gradient at clean images, for each checkpoint of a run.

    Its signs are held against those of the exact-sign gradient of the same network in float64.

    Args:
        checkpoints: `.keras` files of one architecture.
        images: Shape (n, height, width, ...), uint8.
        labels: Shape (n,), integers from 0 on.
        gradient: A name in `mirage.attacks.gradients.LOSSES`.
        dtype: Type of the gradient's arithmetic, a name in `mirage.models.networks.DTYPES`.
        defence: `method` and parameters of a filter that the gradient goes through, see
            `mirage.models.defences`; None for the bare networks.

    Yields:
        For each checkpoint: gradient, dtype, n, and the shares of
        `mirage.attacks.gradients.masking` over all images.

    Raises:
        NetworkError: A checkpoint cannot be read or cast, or has weights that are NaN or infinite;
            the message names it.
        DataError: Images or labels are not what `mirage.attacks.inputs.check_split` asks for.
    """
    # Built once, as in `mirage.evaluation.passes.evaluate`.
    network = load(checkpoints[0])
    inputs.check_split(network, images, labels)
    copies = [cast(network, kind) for kind in (dtype, "float64")]
    tested, exact = (defended(copy, defence) for copy in copies)
    for checkpoint in checkpoints:
        load_weights(network, checkpoint)
        for copy in copies:
            assign(copy, network)
        found = Counter()
        for part in gradients.batches(len(images)):
            pixels, classes = as_float(images[part], networks.dtype_of(network)), labels[part]
            slope = gradients.input_gradient(tested, pixels, classes, gradient, len(images))
            signs = gradients.sign(gradients.input_gradient(exact, pixels, classes, "exact_sign"))
            for name, share in gradients.masking(slope, signs).items():
                found[name] += share * len(classes) / len(images)
        yield {"gradient": gradient, "dtype": dtype, "n": len(images), **found}
