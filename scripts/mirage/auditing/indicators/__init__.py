"""Signs of whether a model's robustness is real, a module each.

Each has `measure(subject, images, labels, *, epsilon, seed, ...) -> Indicator`:

    subject: `mirage.auditing.network.Subject`, what is audited.
    images: Shape (n, d), flat, in 0 to 1, n at least 1.
    labels: Shape (n,), integers.
    epsilon: Size of the audited perturbation in `norm`, pixels lying in 0 to 1.
    seed: Of what is drawn at random.
    norm: `linf` (where it is not given) or `l2`.
    queries: Of the Square Attack, where not as many as in `mirage.auditing.attempts`.

None changes the subject. What several need is computed once (`mirage.auditing.known`).
"""

import importlib
from collections.abc import Iterator
from types import ModuleType

# In the order of a page: the model, its arithmetic, its function, the attacks.
QUICK = (
    *("output_kind", "pixel_range", "deterministic"),
    *("gradient", "zeros", "signs", "margins", "arithmetic", "wrappers"),
    *("differences", "layers", "noise"),
)
NAMES = (
    *QUICK,
    *("one_step", "converged", "best_iterate", "black_box", "unbounded", "falls"),
)


def modules(quick: bool = False) -> Iterator[ModuleType]:
    """The modules of `NAMES`, or of those that need gradients and one step alone."""
    return (importlib.import_module(f"{__name__}.{name}") for name in (QUICK if quick else NAMES))
