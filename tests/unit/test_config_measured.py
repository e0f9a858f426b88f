"""What a configuration measures: what its figures, tables and claims show, and nothing else."""

import pytest
from architectures import mlp
from configurations import WORKFLOW, bring, lines

from mirage.study import config


def measured(given):
    """What is measured of a configuration: attack, dtype, split, defence and epsilons."""
    return [
        (one.attack, one.dtype, one.split, one.defence, one.epsilons)
        for one in config.read(given, WORKFLOW).evaluations
    ]


def test_what_a_figure_shows_is_measured_and_nothing_else():
    select = {"run": "one", "attack": ["fgsm", "pgd"], "epsilon": "0.1"}
    shown = lines(select=select, label="attack")
    study = config.read(bring(figures={"a": shown}), WORKFLOW)
    found = [(one.run, one.attack, one.dtype, one.split) for one in study.evaluations]
    assert found == [("one", name, "float32", "test") for name in ("fgsm", "pgd")]
    assert {(one.epsilons, one.images, one.defence) for one in study.evaluations} == {
        (("0.1",), None, "bare")
    }
    assert list(study.config["attacks"]) == ["fgsm", "pgd"]
    assert "summary" not in study.config


def test_what_several_ask_for_is_measured_once_at_all_their_epsilons():
    select = {"run": "one", "attack": "fgsm"}
    figures = {
        "a": lines(select={**select, "epsilon": "0.1"}),
        "b": lines(select={**select, "epsilons": "few"}, x="epsilon"),
    }
    summary = {
        "runs": ["one"],
        "epsilon": "0.3",
        "columns": [{"label": "a", "attack": "fgsm", "dtype": "float32"}],
    }
    given = bring(figures=figures, summary=summary, grids={"few": ["0.2", "0.05"]})
    assert measured(given) == [("fgsm", "float32", "test", "bare", ("0.05", "0.1", "0.2", "0.3"))]


def test_lists_are_crossed_and_the_order_of_keys_does_not_matter():
    first = {"run": "one", "attack": ["fgsm", "fgsm_exact"], "dtype": ["float64", "float16"]}
    names = {"label": "attack", "panel": "dtype"}
    found = []
    for select in (first, dict(reversed(first.items()))):
        given = bring(figures={"a": lines(select={**select, "epsilon": "0.1"}, **names)})
        found.append(config.read(given, WORKFLOW).config["figures"]["a"]["series"])
    assert found[0] == found[1]
    assert [(one["attack"], one["dtype"]) for one in found[0]] == [
        ("fgsm", "float64"),
        ("fgsm", "float16"),
        ("fgsm_exact", "float64"),
        ("fgsm_exact", "float16"),
    ]


def test_names_of_lines_and_panels_follow_from_what_is_selected():
    figure = lines(
        select={"run": "one", "attack": ["fgsm", "fgsm_exact"], "epsilon": ["0.1", "0.2"]},
        label={"attack": {"fgsm": "plain", "fgsm_exact": "exact"}, "epsilon": {"0.1": "small"}},
        panel="epsilon",
        published={"attack": {"fgsm": "theirs"}},
        clean={"attack": "fgsm"},
    )
    series = config.read(bring(figures={"a": figure}), WORKFLOW).config["figures"]["a"]["series"]
    assert [
        (one["label"], one["panel"], one.get("published"), one.get("clean")) for one in series
    ] == [
        ("plain, small", "0.1", "theirs", True),
        ("plain", "0.2", "theirs", True),
        ("exact, small", "0.1", None, None),
        ("exact", "0.2", None, None),
    ]


def test_a_figure_by_value_takes_its_places_from_what_is_selected():
    runs = {name: {"network": mlp(int(name[1:])), "epochs": [1]} for name in ("w2", "w4")}
    figure = lines(
        x={"run": {"w2": 2, "w4": 4}},
        x_label="width",
        select={"run": ["w2", "w4"], "attack": "fgsm", "epsilon": "0.1"},
    )
    found = config.read({"dataset": "digits", "runs": runs, "figures": {"a": figure}}, WORKFLOW)
    assert found.config["figures"]["a"]["x"] == "value"
    assert [one["x"] for one in found.config["figures"]["a"]["series"]] == [2, 4]


def test_one_checkpoint_is_the_last_where_none_is_named():
    select = {"run": "one", "attack": "fgsm", "epsilon": "0.1"}
    figures = {"a": lines(select=select), "b": {**lines(select=select), "plot": "pictures"}}
    found = config.read(bring(figures=figures), WORKFLOW).config["figures"]
    assert "epochs" not in found["a"]["series"][0]
    assert found["b"]["series"][0]["epochs"] == [3]


def test_a_claim_asks_for_what_it_tests_and_for_the_same_with_the_exact_sign():
    selection = {"run": "one", "attack": "fgsm"}
    test = [
        {
            "kind": "order",
            "less": {**selection, "epsilon": "0.2"},
            "greater": {**selection, "epsilon": "0.1"},
        }
    ]
    claim = {"id": "own-01", "statement": "It falls.", "test": test}
    assert [(attack, epsilons) for attack, *_, epsilons in measured(bring(claims=[claim]))] == [
        ("fgsm", ("0.1", "0.2")),
        ("fgsm_exact", ("0.1", "0.2")),
    ]


def test_a_claim_asks_for_the_split_that_it_subtracts():
    gap = {"run": "one", "attack": "deepfool", "split": "train", "minus_split": "test"}
    test = [{"kind": "measurement", "select": {**gap, "column": "rho_l2"}}]
    claim = {"id": "own-01", "statement": "It overfits.", "test": test}
    splits = [split for _, _, split, *_ in measured(bring(claims=[claim]))]
    assert sorted(splits) == ["test", "train"]


def gradients(given):
    """The gradients that are measured: run, gradient, dtype, split, defence and images."""
    study = config.read(given, WORKFLOW)
    return [tuple(vars(one).values())[:6] for one in study.gradients]


MEAN, EXACT = "cross_entropy_mean", "exact_sign"
SMOOTH = {"defences": {"smooth": {"method": "gaussian_smoothing", "sigma": 1}}}
TRANSFER = {"transfer": {"method": "fgsm", "gradient": EXACT, "source": "other"}}
FIGURE = {"figures": {"a": lines(y="zero_share", select={"run": "one", "gradient": [MEAN, EXACT]})}}
CLAIM = {
    "id": "own-01",
    "statement": "s",
    "test": [
        {
            "kind": "trend",
            "select": {
                "table": "gradients",
                "run": "one",
                "gradient": MEAN,
                "column": "zero_share",
            },
            "sign": "rising",
        }
    ],
}
SUMMARY = {"runs": ["one"], "epsilon": "0.1"}


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"also": [{"run": "one", "attack": "fgsm", "epsilon": "0.1"}]}, []),
        (FIGURE, [(MEAN, "float32", "test", "bare"), (EXACT, "float32", "test", "bare")]),
        (
            {
                "also": [{"run": "one", "gradient": MEAN, "dtype": ["float16", "float64"]}],
                "figures": {
                    "a": lines(
                        y=["zero_share", "sign_disagreement"],
                        select={"run": "one", "gradient": MEAN, "dtype": "float64", "epoch": 3},
                    )
                },
            },
            [(MEAN, "float64", "test", "bare"), (MEAN, "float16", "test", "bare")],
        ),
        (
            {
                "also": [{"run": "one", "gradient": EXACT, "defence": "smooth", "split": "train"}],
                **SMOOTH,
            },
            [(EXACT, "float32", "train", "smooth")],
        ),
        (
            {
                "tables": {
                    "t": {
                        "title": "t",
                        "common": {"run": "one"},
                        "rows": [{"label": "a", "gradient": MEAN}, {"label": "b", "missing": "no"}],
                        "columns": [{"label": "c", "value": "zero_share"}],
                    }
                }
            },
            [(MEAN, "float32", "test", "bare")],
        ),
        # The second verdict takes the exact sign.
        (
            {"claims": [CLAIM]},
            [(MEAN, "float32", "test", "bare"), (EXACT, "float32", "test", "bare")],
        ),
        ({"claims": [CLAIM | {"no_exact": "why"}]}, [(MEAN, "float32", "test", "bare")]),
        # Of its first column.
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [
                        {"label": "a", "attack": "fgsm", "dtype": "float16"},
                        {"label": "b", "attack": "fgsm_exact", "dtype": "float32"},
                    ],
                }
            },
            [(MEAN, "float16", "test", "bare")],
        ),
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [{"label": "a", "attack": "matched_noise", "dtype": "float32"}],
                    "split": "train",
                }
            },
            [(MEAN, "float32", "train", "bare")],
        ),
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [{"label": "a", "attack": "noise", "dtype": "float32"}],
                }
            },
            [],
        ),
    ],
)
def test_a_gradient_is_measured_where_it_is_asked_for_and_once(own, found):
    assert gradients(bring(**own)) == [("one", *one, None) for one in found]


def test_the_summary_of_a_transfer_shows_the_gradient_of_its_source():
    given = bring(
        attacks=TRANSFER,
        summary={**SUMMARY, "columns": [{"label": "a", "attack": "transfer", "dtype": "float64"}]},
    )
    given["runs"]["other"] = given["runs"]["one"]
    assert gradients(given) == [("other", EXACT, "float64", "test", "bare", None)]
    assert set(config.read(given, WORKFLOW).runs) == {"one", "other"}


@pytest.mark.parametrize(
    "other", [{"labels": "predicted"}, {"mixed": {"clean_weight": 0.9, "epsilon": "0.1"}}]
)
def test_the_summary_of_an_attack_on_another_loss_shows_no_gradient(other):
    """Measured is the gradient at the true labels, which this attack does not follow."""
    given = bring(
        attacks={"own": {"method": "fgsm", "gradient": EXACT, **other}},
        summary={**SUMMARY, "columns": [{"label": "a", "attack": "own", "dtype": "float64"}]},
    )
    assert gradients(given) == []


def test_a_gradient_is_that_of_as_many_images_as_its_run_says():
    given = bring(**FIGURE)
    for images, most, expected in ((20, None, 20), (20, 10, 10), ({"fgsm": 20}, None, None)):
        given["runs"]["one"]["images"] = images
        found = gradients(given | ({"max_images": most} if most else {}))
        assert [one[-1] for one in found] == [expected] * 2


def test_a_claim_that_looks_for_its_epsilon_does_so_where_others_measure():
    where = {"run": "one", "attack": "fgsm", "epsilon_where": {"accuracy": 0.3}}
    test = [{"kind": "value", "select": where, "published": 0.3, "tolerance": 0.1}]
    claim = {"id": "own-01", "statement": "s", "test": test}
    shown = lines(select={"run": "one", "attack": "fgsm", "epsilons": ["0.1", "0.2"]})
    found = measured(bring(claims=[claim], figures={"a": shown}))
    assert [(one[0], one[-1]) for one in found] == [
        ("fgsm", ("0.1", "0.2")),
        ("fgsm_exact", ("0.1", "0.2")),
    ]
