"""How often audits err on models of which it is known whether they are masked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.auditing.findings import Share
from mirage.auditing.statistics import share
from mirage.auditing.verdict import EXIT_CODES


@dataclass(frozen=True)
class Rates:
    """Shares of models, each with its exact interval.

    Attributes:
        false_alarms: Of the models that are not masked, those called masked; None without any.
        misses: Of the masked models, those not called masked; None without any.
        unknown: Of all models, those of which the audit says that it does not know.
    """

    false_alarms: Share | None
    misses: Share | None
    unknown: Share


def rates(masked: Sequence[bool], verdicts: Sequence[str]) -> Rates:
    """Count the errors of audits.

    A verdict that is not known alarms nobody, and so is a miss where the model is masked.

    Args:
        masked: Whether each model is masked, as is known of it; at least one.
        verdicts: The verdict on each, a key of `mirage.auditing.verdict.EXIT_CODES`.
    """
    codes = np.array([EXIT_CODES[one] for one in verdicts])
    known, called = np.array(masked, bool), codes == 3
    return Rates(
        share(called[~known]) if not known.all() else None,
        share(~called[known]) if known.any() else None,
        share(codes == 4),
    )
