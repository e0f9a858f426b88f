"""The figure from an attack down to a bound: which dots it draws, and what it may be asked."""

import copy

import numpy as np
import pandas as pd
import pytest
from configurations import TEXT, WORKFLOW, small

from mirage.reporting.plots import ladder, style
from mirage.study import config

ATTACKED = pd.DataFrame(
    [
        ("one", seed, 3, "test", attack, "0.1", 0.9, accuracy)
        for attack, values in {"fgsm": (0.6, 0.8), "pgd": (0.5, 0.2), "square": (0.4, 0.3)}.items()
        for seed, accuracy in enumerate(values, 1)
    ],
    columns=["run", "seed", "epoch", "split", "attack", "epsilon", "clean_accuracy", "accuracy"],
)
BOUNDS = pd.DataFrame(
    [("one", seed, 3, "test", "certified", "0.1", value) for seed, value in ((1, 0.1), (2, 0.0))],
    columns=["run", "seed", "epoch", "split", "measure", "item", "value"],
)
SERIES = [
    {"run": "one", "attack": "fgsm", "epsilons": ["0.1"], "label": "FGSM", "clean": True},
    {"run": "one", "attack": "pgd", "epsilons": ["0.1"], "label": "strongest"},
    {"run": "one", "attack": "square", "epsilons": ["0.1"], "label": "strongest"},
    {"run": "one", "measure": "certified", "item": "0.1", "label": "bound"},
]
FIGURE = {"title": "A title", "series": [{**one, "row": "mine"} for one in SERIES]}


def drawn(drawing, panel=0):
    """Large dots (accuracy by height, from the top) and the legend."""
    axes = drawing.axes[panel]
    large = [one.get_offsets()[0] for one in axes.collections if one.get_sizes()[0] > 40]
    return [round(float(x), 3) for x, _ in sorted(large, key=lambda point: point[1])]


def test_a_dot_is_the_mean_over_seeds_of_the_strongest_attack_of_each():
    data = pd.concat([ATTACKED, BOUNDS], ignore_index=True)
    drawing = ladder.draw(FIGURE, data)
    # 0.4 of Square for the first seed, 0.2 of PGD for the second.
    assert drawn(drawing) == [0.9, 0.7, 0.3, 0.05]
    (axes,) = drawing.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mine"]
    texts = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert texts[:4] == ["no attack", "FGSM", "strongest", "bound"]
    assert "mean of 2 seeds, line = ±1 SD" in texts
    spread = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    sd = np.std([0.4, 0.2], ddof=1)
    assert any(np.allclose(line, [0.3 - sd, 0.3 + sd]) for line in spread)
    assert all(0 <= value <= 1 for line in spread for value in line)


def test_panels_and_rows_keep_their_order_and_one_seed_has_no_spread(tmp_path):
    data = ATTACKED[ATTACKED["seed"] == 1]
    more = [
        {**SERIES[0], "panel": panel, "row": row, "clean": False}
        for panel in ("b", "a")
        for row in ("y", "x")
    ]
    drawing = ladder.draw({"title": "A title", "series": more}, data)
    assert [axes.get_title() for axes in drawing.axes] == ["b", "a"]
    assert [label.get_text() for label in drawing.axes[0].get_yticklabels()] == ["y", "x"]
    assert drawn(drawing, 1) == [0.6, 0.6]
    assert "1 seed" in [text.get_text() for text in drawing.legends[0].get_texts()]
    style.save(drawing, tmp_path / "ladder.png")


def test_a_series_without_rows_is_refused():
    with pytest.raises(ValueError, match="found no rows"):
        ladder.draw({"title": "", "series": [{**SERIES[0], "epsilons": ["0.2"]}]}, ATTACKED)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"epsilons": ["0.05", "0.1"]}, "takes one"),
        ({"measure": "certified", "item": "0.1"}, "attack and measure stand together"),
    ],
)
def test_what_a_configuration_may_ask_of_a_ladder(changed, told):
    given = copy.deepcopy(small())
    select = [{"run": "one", "attack": "pgd", "epsilons": ["0.1"], **changed}]
    select.append({"run": "one", "measure": "certified", "item": "0.1", "label": "bound"})
    given["figures"]["ladder"] = {"plot": "ladder", **TEXT, "select": select}
    if told is None:
        found = config.read(given, WORKFLOW).config["figures"]["ladder"]["series"]
        assert [one["epochs"] for one in found] == [[3], [3]]
        assert "dtype" not in found[1]
        return
    with pytest.raises(config.ConfigError, match=told):
        config.read(given, WORKFLOW)


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ([{"run": "one", "measure": "certified", "item": "0.1"}], "needs an attack as well"),
        ([{"run": "one", "measure": "certified"}], "has several items; write item: with one of"),
        ([{"run": "one", "measure": "certified", "item": "1"}], "has no item '1'"),
        ([{"run": "one", "measure": "bound", "item": "1"}], "there is no measure 'bound'"),
        ([{"run": "one"}], "needs an attack, or a measure and its item"),
        ([{"run": "one", "attack": "pgd"}], "needs an epsilon"),
    ],
)
def test_what_a_ladder_lacks_is_told(select, told):
    given = copy.deepcopy(small())
    given["figures"]["ladder"] = {"plot": "ladder", **TEXT, "select": select}
    given["also"] = [{"run": "one", "attack": "fgsm", "epsilons": ["0.1"]}]
    given["figures"].pop("restarts")
    given["tables"] = {}
    with pytest.raises(config.ConfigError, match=told):
        config.read(given, WORKFLOW)
