"""Read published points off the plots in the public repository of yue2017 and yue2018.

    python tests/helpers/read_off.py FOLDER

FOLDER is a clone of github.com/summer-yue/adversarial_neural_nets at 4dc6232. What this prints
stands in the `published.csv` of both studies, 0 in the place of what is below 0. The pixels of the
tick marks calibrate the axes. A point lies where the straight parts of the line on its two sides
meet its column of pixels. The last three plots have numbers in the author's files as well: from
these, the points are 0.0018 away at most.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.image import imread

# matplotlib's first three colours, and the pixels of the axes in its default figure.
BLUE, ORANGE, GREEN = (31, 119, 180), (255, 127, 14), (44, 160, 44)
LEFT, RIGHT, TOP, BOTTOM = 80, 576, 58, 427
# Tick marks lie on whole pixels: by so much to the right and above, by the plots of known numbers.
SHIFT_X, SHIFT_Y = 0.5, 0.25

# First and last tick of the x axis, and where the points are.
EPSILONS = (0, 0.3), np.arange(30) / 100
TRANSFER = (0.025, 0.2), np.array([0.02, 0.05, 0.1, 0.15, 0.2])
FROM_0, FROM_1 = ((0, 250), np.arange(0, 276, 25)), ((0, 250), np.arange(1, 277, 25))
EARLY, LATE = ((0, 80), np.arange(1, 82, 20)), ((100, 180), np.arange(101, 182, 20))

CHAIN = "structures_vs_robustness_v2_tuned_by_loss/epoch_number"
FLOAT64 = f"{CHAIN}/result_float64_adam"
LOSSES = f"{CHAIN}/result_modified/v2_train_loss_valid_loss"
THESIS = "results_for_thesis"
NORM = f"{THESIS}/PartII/v2_layer"
FIG4 = f"{THESIS}/overfitted_classifiers/perturbed_accuracy"
FIG10 = "results/adversarial_training/fgsm_adversarial_training_updated_loss_attack"
ROUNDS = "new/results/averaged_results/perturbed_accuracy_on_epochs"

# Name: file, x axis, first and last tick of the y axis, colour of the line.
PLOTS = {
    "figure 2, training": (LOSSES, FROM_0, (0, 0.3), BLUE),
    "figure 2, validation": (LOSSES, FROM_0, (0, 0.3), ORANGE),
    "figure 3": (f"{THESIS}/fgsm_general/fgsm_epsilon_vs_accuracy", EPSILONS, (0, 1), BLUE),
    "figure 5": (f"{THESIS}/regularization/epsilon_regularization", EPSILONS, (0, 1), BLUE),
    "figure 7, layer1": (f"{NORM}1_weight_spectral_norm", FROM_0, (4, 20), BLUE),
    "figure 7, layer2": (f"{NORM}2_weight_spectral_norm", FROM_0, (4, 14), BLUE),
    "figure 7, layer3": (f"{NORM}3_weight_spectral_norm", FROM_0, (2, 10), BLUE),
    "float64, layer1": (f"{FLOAT64}/layer1_weights", FROM_1, (100, 600), BLUE),
    "float64, layer2": (f"{FLOAT64}/layer2_weights", FROM_1, (42.5, 62.5), BLUE),
    "float64, layer3": (f"{FLOAT64}/layer3_weights", FROM_1, (10, 80), BLUE),
    "float64, zeros": (f"{FLOAT64}/0_numbers", FROM_1, (8e5, 11e5), BLUE),
    "figure 8": (f"{THESIS}/PartII/perturbation_zero_number", FROM_1, (0, 25e5), BLUE),
    "figure 10": (f"{FIG10}_new_loss", EPSILONS, (0, 1), BLUE),
    "figure 10, cross-entropy": (f"{FIG10}_original_loss", EPSILONS, (0.2, 1), BLUE),
    "figure 12, regular": (f"{FLOAT64}/transfer_vs_regular_perturbed", TRANSFER, (0, 1), ORANGE),
    "yue2018, figure 1": (f"{ROUNDS}/epoch1-76", EARLY, (0.4, 1), BLUE),
    "yue2018, zeros": (f"{ROUNDS}/number_of_0s_epoch101-181", LATE, (0, 8000), BLUE),
    "yue2018, figure 2": (f"{ROUNDS}/epoch101-200", LATE, (0.6, 1), BLUE),
    "figure 4, .02": (FIG4, FROM_0, (0.2, 0.8), ORANGE),
    "figure 4, .05": (FIG4, FROM_0, (0.2, 0.8), GREEN),
}


def scale(dark: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Slope and offset from values to pixels, by the tick marks in a line of pixels."""
    places = np.flatnonzero(dark)
    return np.polyfit(np.linspace(*ends, len(places)), places, 1)


def middle(rows: np.ndarray, share: np.ndarray) -> float:
    """The middle of the lowest stroke in a column (legends lie above it); NaN if there is none."""
    places = np.flatnonzero(share)
    if not len(places):
        return np.nan
    stroke = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)[-1]
    return np.average(rows[stroke], weights=share[stroke])


def corner(away: np.ndarray, line: np.ndarray, sides: tuple[int, ...]) -> float:
    """The mean of where the parts of a line around these distances from a point come to it."""
    parts = [(np.abs(away - side) <= 3) & np.isfinite(line) for side in sides]
    return np.mean([np.polyfit(away[part], line[part], 1)[1] for part in parts if part.sum() > 3])


def points(file: Path, across: tuple, ends: tuple[float, float], colour: tuple) -> np.ndarray:
    """The y of a line at each x of a plot."""
    image = imread(file)[..., :3]
    dark = image.sum(axis=2) < 0.6
    x = np.polyval(scale(dark[BOTTOM + 3, LEFT : RIGHT + 1], across[0]), across[1])
    x += LEFT - SHIFT_X
    slope, offset = scale(dark[TOP : BOTTOM + 1, LEFT - 3][::-1], ends)
    inside = 1 - image[TOP + 3 : BOTTOM - 2, LEFT + 3 : RIGHT - 2]
    # How much of each pixel the line covers: its colour lies between white and that of the line.
    way = 1 - np.array(colour) / 255
    share = inside @ way / (way @ way)
    share[(np.abs(inside - share[..., None] * way).max(axis=2) > 0.08) | (share < 0.1)] = 0
    columns, rows = np.arange(LEFT + 3, RIGHT - 2), np.arange(TOP + 3, BOTTOM - 2)
    line = np.array([middle(rows, column) for column in share.T])
    sides = [(5,), *[(-5, 5)] * (len(x) - 2), (-5,)]
    places = [corner(columns - at, line, side) for at, side in zip(x, sides, strict=True)]
    return (BOTTOM - np.array(places) - offset - SHIFT_Y) / slope


if __name__ == "__main__":
    for name, (file, across, ends, colour) in PLOTS.items():
        found = points(Path(sys.argv[1]) / f"{file}.png", across, ends, colour)
        print(f"{name}:", *(f"{x:g} {y:.4g}," for x, y in zip(across[1], found, strict=True)))
