"""Is this classifier robust, or is its gradient gone?

The public names are in `mirage.__all__`; `help(mirage.attack)` shows one with an example.

The rooms, from the bottom up; each imports only those before it:
runtime, data, models, attacks, training, evaluation, auditing, study, reporting, cli.
"""

import importlib
import os

# Each public name and the module that has it, imported when the name is first asked for. So
# `import mirage` imports nothing else, and a job depends on what it imports itself and not on all
# of this (runtime/sources.py finds that). Code of the workflow imports from the rooms.
_PUBLIC = {
    "MirageError": "runtime.errors",
    "accuracy": "evaluation.single",
    "attack": "evaluation.single",
    "audit": "auditing.audited",
    "build": "models.networks",
    "cast": "models.cast",
    "digits": "data.datasets",
    "exact_sign": "evaluation.single",
    "input_gradient": "evaluation.single",
    "load": "models.checkpoints",
    "masking": "evaluation.single",
    "train": "training.fit",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> object:
    """A public name, from the module that has it."""
    if name not in _PUBLIC:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; public are {', '.join(__all__)}"
        )
    # Before TensorFlow is imported: it would begin with a page of notices.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
