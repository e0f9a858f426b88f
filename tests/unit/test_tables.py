"""Tables: means and spreads over seeds, the short table, published beside measured."""

import numpy as np
import pandas as pd
import pytest

from mirage.reporting import rows as table_rows
from mirage.reporting import tables


def rows(**columns):
    """Attack rows of two seeds and two epochs, one column or another changed."""
    table = pd.DataFrame(
        [
            {
                "dataset": "digits",
                "run": "one",
                "seed": seed,
                "epoch": epoch,
                "split": "test",
                "attack": "fgsm",
                "defence": "bare",
                "gradient": "exact_sign",
                "dtype": "float32",
                "epsilon": "0.10",
                "n": 50,
                "clean_accuracy": 0.9 + seed / 100,
                "accuracy": epoch / 10 + seed / 100,
                "success": 0.8,
                "rho_l2": 0.005,
                "seconds": 10.0 * seed,
            }
            for seed in (1, 3)
            for epoch in (1, 2)
        ]
    )
    return table.assign(**columns)


def slopes(**columns):
    """Rows of a gradient of two seeds and two epochs, one column or another changed."""
    table = pd.DataFrame(
        [
            {
                **{"run": "one", "seed": seed, "epoch": epoch, "split": "test", "defence": "bare"},
                **{"gradient": "cross_entropy_mean", "dtype": "float32", "n": 50},
                **{"zero_share": epoch / 10 + seed / 100, "sign_disagreement": 0.5},
            }
            for seed in (1, 3)
            for epoch in (1, 2)
        ]
    )
    return table.assign(**columns)


def test_files_read_together_are_those_read_one_by_one(tmp_path):
    # Whole numbers in one file and fractions, or nothing, in another; columns in another order.
    contents = [
        "run,seed,epsilon,n,value\na,1,0.10,5,1\na,1,0.2,,2\n",
        "run,seed,epsilon,n,value\nb,2,0.10,6,0.1234567890123456789\n",
        "run,seed,epsilon,n,value\n",
        "seed,run,epsilon,n,value\n3,c,1e-5,7,\n",
        'run,seed,epsilon,n,value\n"d\n,""d""",4,0.3,8,nan\n',
    ]
    files = [tmp_path / f"{number}.csv" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_text(content)
    # Without the file that has no row: alone it does not tell numbers from text.
    one_by_one = [rows for file in files if len(rows := table_rows.read([file]))]
    found = table_rows.read(files)
    assert found.to_csv() == pd.concat(one_by_one, ignore_index=True).to_csv()
    assert found["run"].tolist() == ["a", "a", "b", "c", 'd\n,"d"']
    assert found["epsilon"].tolist() == ["0.10", "0.2", "0.10", "1e-5", "0.3"]


def test_means_and_sample_deviations_over_seeds():
    keys, values = tables.TABLES["attacks"]
    found = tables.over_seeds(rows(), keys, values)
    assert found["seeds"].tolist() == [2, 2]
    assert found["accuracy"].tolist() == pytest.approx([0.12, 0.22])
    assert found["accuracy_sd"].tolist() == pytest.approx([np.std([0.11, 0.13], ddof=1)] * 2)


def test_one_seed_has_no_spread():
    keys, values = tables.TABLES["attacks"]
    found = tables.over_seeds(rows().query("seed == 1"), keys, values)
    assert found["accuracy_sd"].isna().all()
    assert tables.readable(found, values)["accuracy"].tolist() == ["0.110", "0.210"]


def test_the_short_table_puts_attacks_side_by_side():
    table = pd.concat(
        [
            rows(),
            rows(dtype="float64", accuracy=0.05),
            rows(epsilon="0.2", accuracy=0.0),
            rows(split="train", accuracy=0.0),
            rows(run="other", accuracy=0.7),
            rows(defence="smooth", accuracy=0.0),
        ]
    )
    options = {
        "runs": ["other", "one"],
        "split": "test",
        "epsilon": "0.10",
        "columns": [
            {"label": "narrow", "attack": "fgsm", "dtype": "float32"},
            {"label": "wide", "attack": "fgsm", "dtype": "float64"},
        ],
        # The second run's is that of another run, as of a transfer attack.
        "gradients": [None, {"run": "two", "gradient": "exact_sign", "dtype": "float32"}],
    }
    gradients = pd.concat(
        [
            slopes(),
            slopes(run="two"),
            slopes(run="two", gradient="exact_sign", zero_share=0.0),
            slopes(run="two", gradient="exact_sign", zero_share=0.0, epoch=99),
            slopes(run="two", gradient="exact_sign", dtype="float64"),
        ]
    )
    numbers, text = tables.summary(table, gradients, options)
    assert numbers["zero_share"].tolist()[2:] == [0, 0]
    assert text["sign_disagreement"].tolist() == ["", "", "0.500 ± 0.000", "0.500 ± 0.000"]
    # An attack that follows no gradient.
    without = {**options, "gradients": [None, None]}
    bare, _ = tables.summary(table, table_rows.read([], "gradients"), without)
    assert bare["zero_share"].isna().all()
    assert bare.columns.tolist() == numbers.columns.tolist()
    pd.testing.assert_series_equal(bare["wide"], numbers["wide"])
    assert numbers["run"].tolist() == ["other", "other", "one", "one"]
    assert numbers["epoch"].tolist() == [1, 2, 1, 2]
    assert numbers["clean"].tolist() == pytest.approx([0.92] * 4)
    assert numbers["narrow"].tolist() == pytest.approx([0.7, 0.7, 0.12, 0.22])
    assert numbers["wide"].tolist()[2:] == pytest.approx([0.05, 0.05])
    assert text["narrow"].tolist()[2] == "0.120 ± 0.014"
    # Not measured is empty, not "nan".
    assert text["wide"].tolist()[:2] == ["", ""]


POINT = ["source", "place", "series", "split", "epoch", "epsilon", "quantity", "item", "value"]


def test_published_values_stand_beside_the_rows_they_speak_of():
    values = pd.DataFrame(
        [
            ["s", "figure 1", "a", "test", 2, "0.10", "accuracy", None, 0.3],
            ["s", "figure 1", "a", "test", 1, None, "clean_accuracy", None, 0.9],
            ["s", "figure 2", "b", None, 2, None, "spectral_norm", "layer1", 5.0],
            ["s", "figure 1", "a", "test", 99, "0.10", "accuracy", None, 0.3],
            ["s", "figure 9", "not drawn", "test", 1, "0.10", "accuracy", None, 0.3],
        ],
        columns=POINT,
    )
    measures = pd.DataFrame(
        {
            "run": "one",
            "seed": [1, 2, 1],
            "epoch": 2,
            "measure": "spectral_norm",
            "item": ["layer1", "layer1", "layer2"],
            "value": [4.0, 8.0, 100.0],
        }
    )
    series = [{**CELL, "published": "a"}, {"run": "one", "published": "b"}]
    attacks = pd.concat([rows(defence="smooth", accuracy=0.9, clean_accuracy=0.1), rows()])
    numbers, text = tables.published(attacks, slopes(), measures, values, series)
    assert numbers["measured"].tolist()[:2] == pytest.approx([0.22, 0.92])
    assert numbers["difference"].tolist()[:2] == pytest.approx([-0.08, 0.02])
    # The published epoch 99 was not measured: the line stays, and says so.
    assert numbers["seeds"].tolist() == [2, 2, 0, 2]
    assert np.isnan(numbers["measured"][2])
    assert numbers["measured"][3] == 6
    assert text["measured"].tolist() == ["0.220 ± 0.014", "0.920 ± 0.014", "", "6.000 ± 2.828"]


def test_published_values_of_a_defence_stand_beside_the_rows_of_that_defence():
    values = pd.DataFrame(
        [["s", "figure 1", "a", "test", 2, "0.10", "accuracy", None, 0.3]], columns=POINT
    )
    attacks = pd.concat([rows(), rows(defence="smooth", accuracy=0.9)])
    series = [{"run": "one", "attack": "fgsm", "defence": "smooth", "published": "a"}]
    numbers, _ = tables.published(attacks, slopes(), pd.DataFrame(), values, series)
    assert numbers["measured"].tolist() == [0.9]


def test_published_measures_of_a_gradient_stand_beside_the_rows_of_that_gradient():
    values = pd.DataFrame(
        [
            ["s", "figure 1", "a", "test", 2, "0.10", "zero_share", None, 0.3],
            ["s", "figure 1", "a", "test", 2, "0.10", "accuracy", None, 0.3],
        ],
        columns=POINT,
    )
    gradients = pd.concat([slopes(zero_share=0.9, defence="smooth"), slopes()])
    select = {"run": "one", "gradient": "cross_entropy_mean", "defence": "bare"}
    series = [{**select, "published": "a"}]
    numbers, _ = tables.published(rows(), gradients, pd.DataFrame(), values, series)
    assert numbers["measured"].tolist()[0] == pytest.approx(0.22)
    # A gradient has no accuracy.
    assert numbers["seeds"].tolist() == [2, 0]


# --- Tables of cells ----------------------------------------------------------------------------

CELL = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test", "defence": "bare"}
PUBLISHED = pd.DataFrame(
    [["t/a/x", 0.25], ["t/a/y", 0.97], ["other/a/z", 0.1]], columns=["series", "value"]
)


def cells(attacks, *columns, row=None, published=PUBLISHED):
    """A table of one row, `a`, of these cells, `x`, `y`, ...: its numbers and its text."""
    names = "xyzuvw"[: len(columns)]
    labelled = [
        {"key": name, "label": name, **one} for name, one in zip(names, columns, strict=True)
    ]
    first = {"key": "a", "label": "a"}
    options = {"published": "t", "common": CELL, "rows": [row or first], "columns": labelled}
    numbers, text = tables.cells(attacks, slopes(), published, options)
    return numbers.set_index("column"), text


def test_a_cell_is_the_mean_over_seeds_at_the_last_epoch_beside_the_published_value():
    attacks = pd.concat([rows(), rows(epsilon="0.2", accuracy=0.0)])
    numbers, text = cells(
        attacks,
        {"epsilon": "0.10", "value": "accuracy"},
        {"epsilon": "0.10", "epoch": 1, "value": "accuracy"},
        {"value": "clean_error"},
        {"epsilon": "0.10", "value": "seconds_per_image"},
        {"epsilon": "0.10", "value": "rho_l2"},
    )
    assert numbers["measured"].tolist() == pytest.approx([0.22, 0.12, 0.08, 0.4, 0.005])
    # Of seeds 1 and 3, the sample deviations.
    deviations = [np.std([0.21, 0.23], ddof=1)] * 3 + [np.std([0.2, 0.6], ddof=1), 0]
    assert numbers["measured_sd"].tolist() == pytest.approx(deviations)
    assert numbers["seeds"].tolist() == [2] * 5
    assert numbers["epsilon"].tolist()[:2] == ["0.10", "0.10"]
    assert numbers["published"].tolist()[:2] == [0.25, 0.97]
    assert numbers["published"].isna().tolist()[2:] == [True] * 3
    assert text.columns.tolist() == ["", "x", "y", "z", "u", "v"]
    assert text.iloc[0].tolist() == [
        "a",
        "0.220 ± 0.014 (published 0.25)",
        "0.120 ± 0.014 (published 0.97)",
        "0.080 ± 0.014",
        "0.400 ± 0.283",
        "0.00500 ± 0.00000",
    ]


def test_a_row_and_a_column_say_together_what_a_cell_selects():
    attacks = pd.concat(
        [
            rows(),
            rows(run="two", accuracy=0.5),
            rows(defence="smooth", accuracy=0.6),
            rows(dtype="float64", accuracy=0.7),
            rows(split="train", accuracy=0.75),
            rows(attack="pgd", accuracy=0.8),
        ]
    )
    at = {"epsilon": "0.10", "value": "accuracy"}
    columns = [at] + [
        {**at, **other}
        for other in (
            {"run": "two"},
            {"defence": "smooth"},
            {"dtype": "float64"},
            {"split": "train"},
            {"attack": "pgd"},
        )
    ]
    numbers, _ = cells(attacks, *columns)
    assert numbers["measured"].tolist() == pytest.approx([0.22, 0.5, 0.6, 0.7, 0.75, 0.8])
    # A column is asked last.
    numbers, _ = cells(attacks, columns[0], columns[1], row={"label": "a", "run": "two"})
    assert numbers["measured"].tolist() == pytest.approx([0.5, 0.5])


def sweep(**columns):
    """Rows whose accuracy falls from 0.9 to 0.5 at epsilon 0.05 and to 0.1 at 0.1."""
    falling = {"0": 0.9, "0.05": 0.5, "0.1": 0.1}
    return pd.concat(
        [rows(epsilon=epsilon, accuracy=value, **columns) for epsilon, value in falling.items()]
    )


def test_the_epsilon_is_interpolated_in_the_sweep():
    numbers, text = cells(
        sweep(),
        *(
            {"value": value, "epsilon_where": {"accuracy": limit}}
            for limit in (0.9, 0.5, 0.4)
            for value in ("accuracy", "epsilon")
        ),
    )
    assert numbers["epsilon"].tolist() == ["0", "0", "0.05", "0.05", "0.0625", "0.0625"]
    assert numbers["measured"].tolist() == pytest.approx([0.9, 0, 0.5, 0.05, 0.4, 0.0625])
    assert text["w"].tolist() == ["0.062 ± 0.000"]


def test_each_seed_has_its_own_epsilon():
    one = sweep()
    one["rho_l2"] = 2 * pd.to_numeric(one["epsilon"])
    # Seed 1 is at a half at 0.04, seed 3 at 0.05 + 0.05 * 0.2 / 0.6.
    one.loc[(one["seed"] == 1) & (one["epsilon"] == "0.05"), "accuracy"] = 0.4
    one.loc[(one["seed"] == 3) & (one["epsilon"] == "0.05"), "accuracy"] = 0.7
    where = {"epsilon_where": {"accuracy": 0.5}}
    numbers, _ = cells(one, *({"value": v, **where} for v in ("epsilon", "accuracy", "rho_l2")))
    own = np.array([0.04, 0.05 + 0.05 / 3])
    assert numbers["measured"].tolist() == pytest.approx([own.mean(), 0.5, 2 * own.mean()])
    assert numbers["measured_sd"].tolist() == pytest.approx(
        [own.std(ddof=1), 0, 2 * own.std(ddof=1)]
    )


def test_the_first_fall_counts_and_seconds_are_of_the_nearest_epsilon():
    parts = {"0": 0.9, "0.1": 0.3, "0.2": 0.6, "0.3": 0.1}
    one = pd.concat(
        rows(epsilon=epsilon, accuracy=value, seconds=10 * float(epsilon))
        for epsilon, value in parts.items()
    )
    where = {"epsilon_where": {"accuracy": 0.45}}
    numbers, _ = cells(one, {"value": "epsilon", **where}, {"value": "seconds_per_image", **where})
    assert numbers["measured"].tolist() == pytest.approx([0.075, 1 / one["n"].iloc[0]])


def test_epsilons_are_compared_as_numbers():
    attacks = pd.concat([rows(epsilon="10", accuracy=0.0), rows(epsilon="9", accuracy=0.5)])
    numbers, _ = cells(attacks, {"value": "accuracy", "epsilon_where": {"accuracy": 0.5}})
    assert numbers.loc["x", "epsilon"] == "9"


def test_the_epsilon_of_one_selection_may_serve_another():
    attacks = pd.concat([sweep(), rows(attack="noise", epsilon="0.05", accuracy=0.85)])
    where = {"attack": "fgsm"}
    numbers, text = cells(
        attacks,
        {"attack": "noise", "value": "accuracy", "epsilon_where": {**where, "accuracy": 0.5}},
        {"attack": "noise", "value": "accuracy", "epsilon_where": {**where, "accuracy": 0.2}},
    )
    assert numbers.loc["x", "measured"] == pytest.approx(0.85)
    assert numbers.loc["x", "epsilon"] == "0.05"
    assert numbers["note"].isna().tolist() == [True, False]
    assert text["y"].tolist() == ["not measured at epsilon 0.0875 (published 0.97)"]


def test_an_accuracy_that_a_seed_does_not_reach_is_told_and_not_made_up():
    one = sweep()
    one.loc[(one["seed"] == 3) & (one["epsilon"] == "0.1"), "accuracy"] = 0.2
    below, above = (
        {"value": "accuracy", "epsilon_where": {"accuracy": limit}} for limit in (0.15, 0.95)
    )
    numbers, text = cells(one, below, above)
    assert numbers.loc["x", ["measured", "epsilon", "seeds"]].isna().all()
    assert numbers.loc["x", "note"] == (
        "no epsilon up to 0.1 brings the accuracy of seed 3 to 0.15; at 0.1 it is 0.200"
    )
    assert "(published 0.25)" in text["x"].tolist()[0]
    assert numbers.loc["y", "note"] == (
        "at epsilon 0, the smallest one, the accuracy of seed 1 is 0.900 already, below 0.95"
    )


def test_a_cell_that_is_missing_says_why():
    row = {"key": "a", "label": "a", "missing": "no data set here"}
    numbers, text = cells(rows(), {"value": "accuracy"}, {"value": "rho_l2"}, row=row)
    assert numbers["measured"].isna().all()
    assert text.iloc[0].tolist() == [
        "a",
        "no data set here (published 0.25)",
        "no data set here (published 0.97)",
    ]


def test_a_minimal_attack_has_no_epsilon():
    attacks = rows(attack="deepfool", epsilon=pd.NA)
    numbers, _ = cells(attacks, {"attack": "deepfool", "value": "rho_l2"})
    assert numbers.loc["x", "measured"] == pytest.approx(0.005)
    assert pd.isna(numbers.loc["x", "epsilon"])


def test_a_cell_by_gradient_shows_a_measure_of_it():
    cell = {"gradient": "cross_entropy_mean", "value": "zero_share"}
    options = {
        "published": "t",
        "common": {"run": "one", "dtype": "float32", "split": "test"},
        "rows": [{"label": "a"}],
        "columns": [
            {"label": "x", **cell},
            {"label": "y", **cell, "epoch": 1},
            {"label": "z", "attack": "fgsm", "epsilon": "0.10", "value": "accuracy"},
        ],
    }
    gradients = pd.concat([slopes(), slopes(gradient="exact_sign", zero_share=0.0)])
    numbers, text = tables.cells(rows(), gradients, PUBLISHED, options)
    assert numbers["measured"].tolist() == pytest.approx([0.22, 0.12, 0.22])
    assert text.iloc[0].tolist() == ["a", "0.220 ± 0.014", "0.120 ± 0.014", "0.220 ± 0.014"]


def test_rows_and_columns_stand_in_the_order_of_the_configuration(tmp_path):
    options = {
        "published": "t",
        "common": {**CELL, "value": "accuracy", "epsilon": "0.10"},
        "rows": [{"label": "second"}, {"label": "first", "epoch": 1}],
        "columns": [{"label": "z"}, {"label": "b", "missing": "none"}],
    }
    numbers, text = tables.cells(rows(), slopes(), PUBLISHED, options)
    assert text[""].tolist() == ["second", "first"]
    assert text.columns.tolist() == ["", "z", "b"]
    tables.write(numbers, text, tmp_path / "t.csv", tmp_path / "t.md")
    written = pd.read_csv(tmp_path / "t.csv", dtype=table_rows.TEXT)
    assert written["epsilon"].tolist()[0] == "0.10"
    assert written["measured"].tolist()[::2] == pytest.approx([0.22, 0.12])


def test_files_keep_text_as_text(tmp_path):
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    tables.write(rows(), rows(), csv, markdown)
    assert table_rows.read([csv, csv])["epsilon"].tolist() == ["0.10"] * 8
    assert "| 0.10 " in markdown.read_text()
