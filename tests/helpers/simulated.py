"""How often each kind of test says what, of data whose truth is known.

    .venv/bin/python tests/helpers/simulated.py

writes the table of docs/ledger.md anew; it takes some minutes.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from mirage.reporting.conditions import association  # noqa: E402
from mirage.reporting.verdicts import (  # noqa: E402
    ALPHA,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    distance,
    over_seeds,
)

# Where the truth lies: as claimed, one tolerance away, which is the border, and three.
TRUE, BORDER, FAR = 0, 1, 3
# Standard deviation over seeds in tolerances, or in effects as large as the true one. Most claims
# of the reference have none larger than the first: docs/ledger.md says how many.
SPREADS = (0.25, 0.5)
SEEDS = (3, 5, 10)
EPOCHS, POINTS = 12, 6


def value(rng, shape, off, spread):
    return over_seeds(rng.normal(off, spread, shape), above=-1, below=1)


def value_of_a_sample(rng, shape, off, spread):
    """All seeds see the same images, whose error is that of five seeds."""
    error = spread / np.sqrt(5)
    found = rng.normal(off, spread, shape) + rng.normal(0, error, (*shape[:-1], 1))
    return over_seeds(found, above=-1, below=1, error=error * stats.norm.ppf(1 - ALPHA))


def equality(rng, shape, off, spread):
    one, other = rng.normal(0, spread / np.sqrt(2), (2, *shape))
    return over_seeds(one + off, other, above=-1, below=1)


def order(rng, shape, off, spread):
    less, greater = rng.normal(0, spread / np.sqrt(2), (2, *shape))
    return over_seeds(greater + 1 - off, less, above=0)


def curves(rng, shape, off, spread):
    """Straight lines with noise: the slope and the epochs of a seed spread alike."""
    slope = rng.normal(1 - off, spread, (*shape, 1))
    return slope * np.linspace(0, 1, EPOCHS) + rng.normal(0, spread / 2, (*shape, EPOCHS))


def trend(rng, shape, off, spread):
    found = curves(rng, shape, off, spread)
    return over_seeds(_associations(stats.kendalltau, np.arange(EPOCHS), found), above=0)


def correlation(rng, shape, off, spread):
    found = curves(rng, shape, off, spread)
    return over_seeds(_associations(stats.spearmanr, np.linspace(0, 1, EPOCHS), found), above=0)


def _associations(test, x, found):
    return np.apply_along_axis(lambda curve: association(test, x, curve), -1, found)


def minimum(rng, shape, off, spread):
    """A curve that is least in the middle, and rises, stays or falls after it."""
    later = curves(rng, shape, off, spread)
    early = np.linspace(1, 0, EPOCHS) + rng.normal(0, spread / 2, later.shape)
    return over_seeds(later[..., EPOCHS // 2 :].min(axis=-1) - early.min(axis=-1), above=0)


def series(rng, shape, off, spread):
    """Half of the spread of a seed is common to all points."""
    common, own = rng.normal(0, spread / np.sqrt(2), (2, *shape, POINTS))
    return distance(off + common[..., :1] + own, 1)


def concentration(rng, shape, off, spread):
    return over_seeds(rng.normal(off, spread, shape), below=1)


KINDS = (
    *(value, value_of_a_sample, equality, series, order, trend, correlation, minimum),
    concentration,
)


def shares(kind, seeds, spread, off, draws):
    """Shares of draws that are called reproduced, undecided and not reproduced."""
    rng = np.random.default_rng([seeds, off, draws])
    verdicts = kind(rng, (draws, seeds), off, spread).verdict
    return [float((verdicts == v).mean()) for v in (REPRODUCED, UNDECIDED, NOT_REPRODUCED)]


def table(draws):
    """The shares in percent as Markdown: a row for each kind, spread and number of seeds."""
    lines = ["| kind | spread | seeds | true | one away | three away |", "|:-|-:|-:|-:|-:|-:|"]
    for kind in KINDS:
        for spread in SPREADS:
            for seeds in SEEDS:
                found = (shares(kind, seeds, spread, off, draws) for off in (TRUE, BORDER, FAR))
                cells = " | ".join(" / ".join(f"{100 * s:.0f}" for s in one) for one in found)
                lines.append(
                    f"| {kind.__name__.replace('_', ' ')} | {spread} | {seeds} | {cells} |"
                )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    page = ROOT / "docs/ledger.md"
    text = page.read_text(encoding="utf-8")
    start = text.index("| kind | spread |")
    page.write_text(text[:start] + table(1000), encoding="utf-8")
