"""Measures of a network and of its answers, in NumPy."""

import numpy as np

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def classes(logits: np.ndarray) -> np.ndarray:
    """The class that each image is given, shape (n,), from logits (n, classes).

    -1, which is no label, where a logit is NaN: NumPy would take that for the largest.
    """
    answers = logits.argmax(axis=1)
    answers[np.isnan(logits).any(axis=1)] = -1
    return answers


def correct(logits: np.ndarray, labels: np.ndarray) -> int:
    """Number of images classified rightly, from logits (n, classes) and labels (n,)."""
    return int((classes(logits) == labels).sum())


def perturbation(images: np.ndarray, moved: np.ndarray) -> dict[str, np.ndarray]:
    """Size of the perturbation of each image, computed in the type of the images.

    Args:
        images: Before the attack, shape (n, d).
        moved: After it, same shape.

    Returns:
        Arrays of shape (n,): `l2`, the Euclidean length of the perturbation r; `rho_l2` and
        `rho_linf`, ||r|| / ||x|| in L2 and L-infinity (rho_adv of Moosavi-Dezfooli et al. 2016,
        equation 15, is its mean), NaN for a black image, which has no size to compare with;
        `changed_share`, the share of pixels that differ.
    """
    r = moved - images
    l2 = lengths(r)
    return {
        "l2": l2,
        "rho_l2": relative(l2, lengths(images)),
        "rho_linf": relative(_largest(r), _largest(images)),
        "changed_share": np.count_nonzero(r, axis=1) / r.shape[1],
    }


def relative(size: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Sizes as shares of others, shape (n,); NaN where there is nothing to compare with."""
    return np.divide(size, whole, out=np.full_like(size, np.nan), where=whole > 0)


# A tenth of the time of np.linalg.norm and np.abs, which make arrays as large as the images; this
# runs for every epsilon of every checkpoint.
def lengths(vectors: np.ndarray) -> np.ndarray:
    """Euclidean length of each of n vectors (n, d), in their type."""
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


def _largest(vectors: np.ndarray) -> np.ndarray:
    return np.maximum(vectors.max(axis=1), -vectors.min(axis=1))


def class_accuracy(logits: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Accuracy among the images of each class that occurs, by label."""
    right = classes(logits) == labels
    return {int(label): float(right[labels == label].mean()) for label in np.unique(labels)}


def logit_margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """True logit minus the largest other, shape (n,), float64; negative where misclassified.

    A margin above about 17 makes the true class's probability round to 1 in float32 (about 37
    in float64), where the signs of the cross-entropy gradient begin to be wrong.
    """
    others = logits.astype(np.float64)
    rows = np.arange(len(labels))
    own = others[rows, labels].copy()
    others[rows, labels] = -np.inf
    return own - others.max(axis=1)


def margin_quantiles(logits: np.ndarray, labels: np.ndarray) -> dict[float, float]:
    """Quantiles `QUANTILES` of the logit margins; ValueError where a margin is NaN."""
    margins = logit_margins(logits, labels)
    if lost := np.count_nonzero(np.isnan(margins)):
        raise ValueError(f"the logit margin of {lost} of {len(margins)} images is NaN")
    return dict(zip(QUANTILES, np.quantile(margins, QUANTILES).tolist(), strict=True))


def spectral_norm(kernel: np.ndarray) -> float:
    """Largest singular value of a weight matrix (inputs, outputs), computed in float64.

    The kernel of a convolution is taken as the matrix (height * width * channels in, channels
    out) that is applied to each patch.

    Raises ValueError where a weight is NaN or infinite.
    """
    if not np.isfinite(kernel).all():
        raise ValueError("a weight is NaN or infinite: the matrix has no spectral norm")
    matrix = kernel.astype(np.float64).reshape(-1, kernel.shape[-1])
    return float(np.linalg.norm(matrix, ord=2))
