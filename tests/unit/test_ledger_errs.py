"""The rule of the ledger on simulated seeds whose truth is known: docs/ledger.md has the table."""

import math

import pytest
from simulated import FAR, KINDS, SEEDS, SPREADS, TRUE, correlation, shares, trend

# Rank correlations are computed curve by curve.
DRAWS = dict.fromkeys(KINDS, 400) | {trend: 40, correlation: 40}


def above_chance(share, draws):
    """The most that a share of draws may be by chance: three standard errors above it."""
    return share + 3 * math.sqrt(share * (1 - share) / draws)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_far_off_is_not_reproduced_and_what_is_true_is_not_refuted(kind):
    draws = DRAWS[kind]
    for seeds in SEEDS:
        before = 1.0
        for spread in SPREADS:
            right, _, wrong = shares(kind, seeds, spread, TRUE, draws)
            assert wrong <= above_chance(0.05, draws)
            # A wider spread supports no claim.
            assert right <= above_chance(before, draws)
            before = right
            far, undecided, _ = shares(kind, seeds, spread, FAR, draws)
            assert far <= above_chance(0.05, draws)
            # They decide something.
            assert undecided < 0.5
        assert before > 0.3
