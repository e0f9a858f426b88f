"""The files of claims: what is shipped, what is refused, and what their short forms stand for."""

import copy

import pytest
import yaml
from judged import CLAIMS, EQUALS, ONE, OTHER, ROOT, SERIES, SLOPE, claim, condition

from mirage.data import published as values
from mirage.reporting import claims, judging, on_source, selections
from mirage.reporting.conditions import KINDS
from mirage.runtime.errors import MirageError
from mirage.study import config, library
from mirage.study.paths import Paths
from mirage.study.plan import Plan


@pytest.fixture(scope="module")
def shipped():
    names = {row["series"] for row in values.rows(SERIES)}
    found = [one for file in CLAIMS for one in library.claims(file)]
    claims.check(found, names)
    return found


def test_every_source_has_claims_and_every_series_is_tested(shipped):
    sources = {one["source"] for one in shipped}
    assert sources == {file.parent.name for file in CLAIMS}
    conditions = [part for one in shipped for part in one.get("test", ())]
    assert {one["kind"] for one in conditions} == set(KINDS)


# Claims of a text that the numbers of the same source contradict, as their notes say. Any other
# claim that its source's numbers fail is to be tested by something else.
FAILED_BY_THEIR_SOURCE = {"yue2017-22", "yue2017-40"}


def test_no_claim_fails_on_the_numbers_of_its_source(shipped):
    study = config.read(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    content = claims.in_types_of(shipped, {name: run["dtype"] for name, run in study.runs.items()})
    of = values.table(SERIES), Plan(study, Paths(""), ROOT).points()
    given = {source: on_source.tables(*of, source) for source in {one["source"] for one in content}}
    words = {
        one["id"]: on_source.verdict(given[one["source"]], one["test"])[0]
        for one in content
        if "test" in one
    }
    assert {name for name, word in words.items() if word == "fails"} <= FAILED_BY_THEIR_SOURCE
    # Series and cells are found: it is not that nothing is public.
    assert all(words[name] == "holds" for name in ("yue2018-03", "rana-05", "hao-07"))


def with_exact(content, twins):
    """Each claim's id with each of its conditions, those of the second verdict as well."""
    for one in content:
        conditions = one.get("test", [])
        exact, _ = judging.under_exact_sign(conditions, twins)
        for part in [*conditions, *([] if "no_exact" in one else exact)]:
            yield one["id"], part


def test_the_shipped_configuration_measures_what_the_claims_ask_for(shipped):
    study = config.read(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    lacking = []
    for name, part in with_exact(shipped, study.twins):
        for selection in claims.selections(part):
            if selection["run"] not in study.runs:
                lacking.append((name, selection["run"]))
                continue
            epochs = study.runs[selection["run"]]["epochs"]
            asked = selection.get("epoch")
            if isinstance(asked, int) and selection.get("table") != "history":
                lacking += [(name, "epoch", asked)] * (asked not in epochs)
            table = selection.get("table", "attacks")
            if table not in ("attacks", "gradients"):
                continue
            wanted = {**selections.DEFAULTS[table], **selection}
            kind = table.removesuffix("s")
            keys = {key: wanted[key] for key in ("run", kind, "dtype", "split", "defence")}
            if part["kind"] == "series":
                del keys["split"]  # stands in published.csv
            sizes = {"epsilons": [selection["epsilon"]]} if "epsilon" in selection else {}
            if not study.chosen({**keys, **sizes}):
                lacking.append((name, keys, sizes))
            where = {k: v for k, v in selection.get("epsilon_where", {}).items() if k != "accuracy"}
            if where and not study.chosen({**keys, **where}):
                lacking.append((name, keys, where))
    figures = {one["figure"] for one in shipped if "figure" in one}
    assert lacking == []
    assert figures - set(study.config["figures"]) == set()


SPOILED = [
    ("id", "yue-1", "must be written in another form"),
    ("id", "-01", "must be written in another form"),
    ("id", "rana-01", "must begin with its source"),
    ("test", None, "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("not_testable", "no", "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("data_not_given", "no", "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("verdict", "reproduced", "unknown key 'verdict'"),
    ("test", [{"kind": "guess"}], "allowed are value, order"),
    ("test", [{"kind": "trend", "select": {"run": "a"}, "sign": "up"}], "rising, falling"),
    (
        "test",
        [{"kind": "series", "select": {"run": "a"}, "series": "b", "tolerance": 1}],
        "no series",
    ),
    ("test", [{**EQUALS, "select": {**ONE, "epsilon": 0.1}}], "text in quotes"),
    ("test", [{**EQUALS, "select": {**ONE, "column": "acuracy"}}], "attacks has no column 'acu"),
    ("test", [{**EQUALS, "select": {"run": "a", "table": "history", "column": "rho_l2"}}], "loss"),
    ("test", [{**EQUALS, "select": {**ONE, "column": "zero_share"}}], "write table: gradients"),
    ("test", [{**EQUALS, "select": {**ONE, "gradient": "exact_sign"}}], "stand together; keep"),
    ("test", [{**EQUALS, "select": {**SLOPE, "attack": "fgsm"}}], "stand together; keep gradient"),
    ("test", [{**EQUALS, "select": {**SLOPE, "epsilon": "0.1"}}], "takes no epsilon"),
    ("test", [{**EQUALS, "select": {**SLOPE, "column": "accuracy"}}], "no column 'accuracy'"),
    ("test", [{**EQUALS, "select": {**SLOPE, "gradient": "hinge"}}], "'hinge'.*exact_sign"),
    ("test", [{**EQUALS, "select": {"run": "a", "table": "gradients"}}], "needs gradient and col"),
    ("test", [{**EQUALS, "select": {"run": "a", "gradient": "exact_sign"}}], "write table: grad"),
]


@pytest.mark.parametrize(("key", "value", "message"), SPOILED)
def test_faults_of_claims_are_told(tmp_path, key, value, message):
    spoiled = {**claim(test=[copy.deepcopy(EQUALS)]), key: value}
    if value is None:
        del spoiled[key]
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [spoiled]}))
    with pytest.raises(MirageError, match=message):
        claims.check(library.claims(file), ["a"])


EPSILONS = ["0.05", "0.1", "0.2"]


def read_claim(tmp_path, *conditions):
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [claim(test=list(conditions))]}))
    return library.claims(file)[0]["test"]


def test_lists_stand_for_a_condition_each_in_step_on_both_sides(tmp_path):
    less = {**ONE, "epsilon": EPSILONS[1:], "split": ["train", "test"]}
    greater = {**ONE, "epsilon": EPSILONS[:2], "run": "other"}
    found = read_claim(tmp_path, condition("order", less=less, greater=greater, by=0.1))
    assert [
        (one["less"]["split"], one["less"]["epsilon"], one["greater"]["epsilon"]) for one in found
    ] == [
        *(("train", "0.1", "0.05"), ("train", "0.2", "0.1")),
        *(("test", "0.1", "0.05"), ("test", "0.2", "0.1")),
    ]
    assert all(one["greater"]["run"] == "other" and one["by"] == 0.1 for one in found)
    # A list of epochs selects several of them.
    epochs = condition("trend", select={**ONE, "epoch": [1, 2, 3]}, sign="rising")
    assert read_claim(tmp_path, epochs) == [epochs]


def test_lists_in_step_have_one_length(tmp_path):
    sides = {"less": {**ONE, "epsilon": EPSILONS}, "greater": {**OTHER, "epsilon": EPSILONS[:2]}}
    with pytest.raises(MirageError, match=r"test\.0: .*the lists of epsilon must be of one length"):
        read_claim(tmp_path, condition("order", **sides))


def test_a_configuration_measures_at_every_value_of_a_list():
    run = {"network": {"name": "mlp", "hidden": [4]}, "epochs": [1]}
    select = {"run": "one", "attack": "fgsm", "epsilon": EPSILONS}
    given = {"dataset": "digits", "runs": {"one": run}}
    given["claims"] = [{**claim(test=[condition("measurement", select=select)]), "source": "s"}]
    study = config.read(given, ROOT)
    assert [one["select"]["epsilon"] for one in study.claims[0]["test"]] == EPSILONS
    assert {one.epsilons for one in study.evaluations} == {tuple(EPSILONS)}


def test_what_is_fitted_stands_beside_a_test():
    with pytest.raises(claims.ClaimsError, match=r"s-01: 'fitted' says .* needs 'test' as well"):
        claims.check([claim(not_testable="no", fitted="why")])
    claims.check([claim(test=[EQUALS], fitted="why")])


def test_a_selection_is_in_the_type_of_its_run_where_it_names_none():
    where = {"accuracy": 0.5, "run": "b"}
    test = [
        {"kind": "value", "select": {"run": "a", "attack": "fgsm", "epsilon_where": where}},
        {"kind": "trend", "select": {"run": "a", "attack": "fgsm", "dtype": "float16"}},
        {"kind": "trend", "select": {"run": "a", "table": "history"}},
        {"kind": "trend", "select": {"run": "unknown", "attack": "fgsm"}},
    ]
    given = [claim(test=test)]
    found = claims.in_types_of(given, {"a": "float64", "b": "float32"})[0]["test"]
    assert given == [claim(test=test)]
    assert "dtype" not in where
    assert [one["select"].get("dtype") for one in found] == ["float64", "float16", None, None]
    assert found[0]["select"]["epsilon_where"]["dtype"] == "float32"


def test_an_id_stands_once():
    with pytest.raises(claims.ClaimsError, match="s-01: this id stands twice"):
        claims.check([claim(test=[EQUALS])] * 2)
