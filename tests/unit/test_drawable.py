"""A figure that is planned is one that can be drawn."""

import itertools

import pandas as pd
import pytest
from configurations import TEXT, WORKFLOW, small

from mirage.reporting.plots import series as drawn
from mirage.study import config

FGSM = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test"}
DEEPFOOL = {**FGSM, "attack": "deepfool"}
OTHER = {**FGSM, "attack": "transfer"}
POINT = {**FGSM, "epochs": [3], "epsilons": ["0.1"]}
SLOPE = {"run": "one", "gradient": "cross_entropy_mean"}
EXACT = {**SLOPE, "gradient": "exact_sign"}
ZERO = {"y": "zero_share"}


def told(plot, series, published=None, **more):
    """The faults that are told of one figure."""
    given = small()
    given["figures"] = {"mine": {**written(plot), **TEXT, **more, "select": series}}
    try:
        config.read(given, WORKFLOW, published)
    except config.ConfigError as error:
        return [line.removeprefix("  - figures.mine") for line in str(error).splitlines()[1:]]
    return []


def written(plot):
    """What a configuration says for a figure that is called so here."""
    kinds = {
        "by-epoch": {"plot": "lines"},
        "by-epsilon": {"plot": "lines", "x": "epsilon"},
        "by-value": {"plot": "lines", "x": "value"},
        "losses": {"plot": "lines", "y": "loss"},
        "spectral-norms": {"plot": "lines", "y": "spectral_norm"},
        "restarts": {"plot": "restarts"},
    }
    return kinds.get(plot, {"plot": "pictures", "show": plot})


def rows():
    """Rows of the attacks that the small configuration measures."""
    study = config.read(small(), WORKFLOW)
    return pd.DataFrame(
        [
            {
                **{key: getattr(one, key) for key in ("run", "attack", "dtype", "split")},
                **{"defence": one.defence, "seed": seed, "epoch": epoch, "epsilon": epsilon},
            }
            for one in study.evaluations
            for seed in study.runs[one.run]["seeds"]
            for epoch in study.runs[one.run]["epochs"]
            for epsilon in one.epsilons or (None,)
        ]
    )


LINES = [
    [FGSM],
    [FGSM, OTHER],
    [{**FGSM, "label": "a"}, OTHER],
    [{**FGSM, "label": "a"}, {**OTHER, "label": "a"}],
    [{**FGSM, "label": "a"}, {**OTHER, "label": "a", "panel": "p"}],
    [{**FGSM, "label": "a"}, {**OTHER, "label": "b"}],
    [{**FGSM, "epsilons": ["0.1"]}, {**OTHER, "epsilons": ["0.05"]}],
    [{**FGSM, "epsilons": ["0.1"], "label": "a"}, {**OTHER, "epsilons": ["0.05"], "label": "a"}],
    [{**FGSM, "epochs": [1]}, {**OTHER, "epochs": [3]}],
    [{**FGSM, "epochs": [1], "label": "a"}, {**OTHER, "epochs": [3], "label": "a"}],
    [DEEPFOOL, FGSM],
    [DEEPFOOL, {**DEEPFOOL, "dtype": "float64"}],
    [DEEPFOOL, {**FGSM, "epsilons": ["0.1"], "label": "deepfool"}],
]


@pytest.mark.parametrize(
    ("plot", "series"), list(itertools.product(["by-epoch", "by-epsilon"], LINES))
)
def test_lines_of_one_name_are_told_where_the_plot_would_refuse_them(plot, series):
    if plot == "by-epsilon" and DEEPFOOL in series:
        assert "takes no epsilons to be drawn by" in told(plot, series)[0]
        return
    key, prefix = ("epsilon", "ε = ") if plot == "by-epoch" else ("epoch", "epoch ")
    try:
        drawn.measured_lines({"series": series}, rows(), key, prefix)
        refusal = ""
    except ValueError as error:
        refusal = str(error)
    lines = told(plot, series)
    assert bool(lines) == ("share a line's name" in refusal)
    assert all("two lines are called" in line for line in lines)


X = {"x_label": "value"}
UNDRAWABLE = [
    ("by-value", [{**POINT, "x": 1}, {**POINT, "x": 1}], X, ["have the x 1"]),
    ("by-value", [{**POINT, "x": 0}], {**X, "log_x": True}, ["select.0", "cannot show 0"]),
    ("by-value", [{**POINT, "x": -2}], {**X, "log_x": True}, ["select.0", "cannot show -2"]),
    ("losses", [{"run": "one"}, {"run": "other"}], {}, ["labels that differ"]),
    ("spectral-norms", [{"run": "one", "label": "a"}] * 2, {}, ["labels that differ"]),
    ("losses", [{"run": "one", "attack": "fgsm"}], {}, ["select.0", "does not take attack"]),
    ("losses", [{"run": "one"}], {"x": "epsilon"}, ["with y: loss takes epoch"]),
    ("by-epoch", [{**FGSM, "x": 1}], {}, ["select.0", "does not take x"]),
    ("by-value", [{**POINT, "epsilons": ["0.1"]}], X, ["select.0", "needs x, the value"]),
    ("restarts", [{**POINT, "attack": "pgd"}], {"log_x": True}, ["does not take log_x"]),
    ("digits", [{"run": "one"}], {"colours": {}}, ["does not take colours"]),
    ("examples", [POINT], {"x_label": ""}, ["does not take x_label"]),
    ("examples", [POINT, {**POINT, "split": "train"}], {}, ["select.1.split", "'train' is not"]),
    ("filtered", [POINT, {**POINT, "epsilons": ["0.2"]}], {}, ["select.1.epsilons", "['0.2']"]),
    ("filtered", [POINT, {**POINT, "attack": "pgd"}], {}, ["select.1.attack", "'pgd' is not"]),
    ("by-epoch", [DEEPFOOL], ZERO, ["(deepfool) has no zero_share", "one of cross_entropy_sum"]),
    (
        "by-epoch",
        [FGSM],
        ZERO,
        ["'fgsm' (fgsm) has no zero_share", "write gradient: exact_sign in"],
    ),
    ("by-epoch", [OTHER], ZERO, ["write gradient: exact_sign, run: other in place of attack:"]),
    ("by-epoch", [{"run": "one"}], ZERO, ["has no zero_share", "write gradient: one of"]),
    ("by-epoch", [SLOPE], {}, ["'cross_entropy_mean' has no accuracy", "write attack: in place"]),
    (
        "by-epoch",
        [SLOPE],
        {"y": ["accuracy", "zero_share"]},
        ["has no accuracy; it has zero_share"],
    ),
    ("by-epoch", [{**SLOPE, "attack": "fgsm"}], ZERO, ["'fgsm'", "stand together"]),
    ("by-epoch", [{**SLOPE, "epsilon": "0.1"}], ZERO, ["takes no epsilon"]),
    ("by-epoch", [{**SLOPE, "clean": True}], ZERO, ["does not take clean"]),
    ("by-epoch", [SLOPE] * 2, ZERO, ["two lines are called 'cross_entropy_mean'"]),
    ("by-epoch", [{**SLOPE, "gradient": "hinge"}], ZERO, ["'hinge'", "allowed are cross_entropy_"]),
    ("by-epsilon", [SLOPE], ZERO, ["'cross_entropy_mean' takes no epsilons to be drawn by"]),
    ("losses", [SLOPE], {}, ["does not take gradient"]),
    ("by-epoch", [FGSM], {"y": ["accuracy", "iterations"]}, ["(fgsm) has no iterations"]),
]


@pytest.mark.parametrize(("plot", "series", "more", "parts"), UNDRAWABLE)
def test_a_figure_that_cannot_be_drawn_is_told(plot, series, more, parts):
    (line,) = told(plot, series, **more)
    assert all(part in line for part in parts), line


DRAWABLE = [
    ("by-value", [{**POINT, "x": 1}, {**POINT, "x": 2}], {**X, "log_x": True}),
    ("by-value", [{**POINT, "x": 1}, {**POINT, "x": 1, "label": "a"}], X),
    ("by-epsilon", [{**FGSM, "epochs": [3]}], {"log_x": True, "colours": {"epoch 3": "C1"}}),
    ("by-epoch", [DEEPFOOL], {"y": ["iterations", "rho_l2"]}),
    ("by-epoch", [SLOPE, EXACT], {"y": ["zero_share", "sign_disagreement"]}),
    ("by-epoch", [{**SLOPE, "gradient": ["exact_sign", "cross_entropy_sum"]}], ZERO),
    ("by-value", [{**SLOPE, "x": 1}, {**SLOPE, "run": "other", "x": 2}], {**X, **ZERO}),
    ("losses", [{"run": "one"}, {"run": "other", "panel": "p"}], {"y_label": "y"}),
    ("examples", [POINT, {**DEEPFOOL, "epochs": [1]}], {}),
    ("filtered", [POINT, {**POINT, "defence": "smooth", "label": "a"}], {}),
    ("restarts", [{**POINT, "attack": "pgd", "panel": "p"}], {"y_label": "y"}),
]


@pytest.mark.parametrize(("plot", "series", "more"), DRAWABLE)
def test_a_figure_that_can_be_drawn_is_accepted(plot, series, more):
    assert told(plot, series, **more) == []


def test_images_of_runs_with_other_splits_do_not_stand_side_by_side():
    given = small()
    given["runs"]["other"]["split"] = {"train": 150, "validation": 20}
    series = [{**POINT, "split": "train"}, {**POINT, "run": "other", "split": "train"}]
    given["figures"] = {"mine": {"plot": "pictures", **TEXT, "select": series}}
    with pytest.raises(config.ConfigError, match="have other splits, and so other images"):
        config.read(given, WORKFLOW)
    for one in series:
        one["split"] = "test"
    assert config.read(given, WORKFLOW)


@pytest.mark.parametrize(
    ("plot", "series", "more", "quantities", "lacking"),
    [
        ("by-epoch", FGSM, {}, ["accuracy"], None),
        ("by-epoch", FGSM, {}, ["clean_accuracy"], "no accuracy"),
        ("by-epoch", {**FGSM, "clean": True}, {}, ["clean_accuracy"], None),
        ("by-epoch", SLOPE, ZERO, ["accuracy"], "no zero_share"),
        ("by-epoch", SLOPE, ZERO, ["zero_share"], None),
        ("by-epsilon", {**FGSM, "epochs": [3]}, {}, ["clean_accuracy"], None),
        ("spectral-norms", {"run": "one"}, {}, ["spectral_norm"], None),
        ("spectral-norms", {"run": "one"}, {}, ["accuracy"], "no spectral_norm"),
    ],
)
def test_a_published_series_without_what_is_drawn_is_told(plot, series, more, quantities, lacking):
    published = {"theirs": [{"quantity": one, "epsilon": "0.1"} for one in quantities]}
    lines = told(plot, [{**series, "published": "theirs"}], published, **more)
    assert bool(lines) == bool(lacking)
    assert all(line.startswith(".select.0.published: ") and lacking in line for line in lines)


def test_a_published_point_at_zero_has_no_place_on_a_logarithmic_axis():
    series = [{**FGSM, "epochs": [3], "published": "theirs"}]
    for row in ({"quantity": "accuracy", "epsilon": "0"}, {"quantity": "clean_accuracy"}):
        published = {"theirs": [{"epsilon": "", **row}]}
        assert "cannot show 0" in told("by-epsilon", series, published, log_x=True)[0]
        assert told("by-epsilon", series, published) == []
