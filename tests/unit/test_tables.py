"""Tables: means and spreads over seeds, the short table, published beside measured."""

import numpy as np
import pandas as pd
import pytest

from mirage import tables


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
                "gradient": "exact_sign",
                "dtype": "float32",
                "epsilon": "0.10",
                "clean_accuracy": 0.9 + seed / 100,
                "accuracy": epoch / 10 + seed / 100,
                "zero_share": 0.25,
                "sign_disagreement": 0.5,
            }
            for seed in (1, 3)
            for epoch in (1, 2)
        ]
    )
    return table.assign(**columns)


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
    }
    numbers, text = tables.summary(table, options)
    assert numbers["run"].tolist() == ["other", "other", "one", "one"]
    assert numbers["epoch"].tolist() == [1, 2, 1, 2]
    assert numbers["clean"].tolist() == pytest.approx([0.92] * 4)
    assert numbers["narrow"].tolist() == pytest.approx([0.7, 0.7, 0.12, 0.22])
    assert numbers["wide"].tolist()[2:] == pytest.approx([0.05, 0.05])
    assert text["narrow"].tolist()[2] == "0.120 ± 0.014"
    # Not measured is empty, not "nan".
    assert text["wide"].tolist()[:2] == ["", ""]


def test_published_values_stand_beside_the_rows_they_speak_of():
    values = pd.DataFrame(
        [
            ["s", "figure 1", "a", "test", 2, "0.10", "accuracy", 0.3],
            ["s", "figure 1", "a", "test", 1, None, "clean_accuracy", 0.9],
            ["s", "figure 2", "b", None, 2, None, "spectral_norm:layer1", 5.0],
            ["s", "figure 1", "a", "test", 99, "0.10", "accuracy", 0.3],
            ["s", "figure 9", "not drawn", "test", 1, "0.10", "accuracy", 0.3],
        ],
        columns=["source", "place", "series", "split", "epoch", "epsilon", "quantity", "value"],
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
    select = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test"}
    series = [{**select, "published": "a"}, {"run": "one", "published": "b"}]
    numbers, text = tables.published(rows(), measures, values, series)
    assert numbers["measured"].tolist()[:2] == pytest.approx([0.22, 0.92])
    assert numbers["difference"].tolist()[:2] == pytest.approx([-0.08, 0.02])
    # The published epoch 99 was not measured: the line stays, and says so.
    assert numbers["seeds"].tolist() == [2, 2, 0, 2]
    assert np.isnan(numbers["measured"][2])
    assert numbers["measured"][3] == 6
    assert text["measured"].tolist() == ["0.220 ± 0.014", "0.920 ± 0.014", "", "6.000 ± 2.828"]


def test_files_keep_text_as_text(tmp_path):
    csv, markdown = tmp_path / "t.csv", tmp_path / "t.md"
    tables.write(rows(), rows(), csv, markdown)
    assert tables.read([csv, csv])["epsilon"].tolist() == ["0.10"] * 8
    assert "| 0.10 " in markdown.read_text()
