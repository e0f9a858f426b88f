"""Each kind of plot: what it draws, what it says when nothing is there, and its bytes."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import figure as script
from mirage.plots import by_epoch, by_epsilon, examples, losses, spectral_norms

KINDS = ["by_epoch", "by_epsilon", "losses", "spectral_norms", "examples"]
EPOCHS = [1, 26, 51]
FGSM = {"run": "adam", "attack": "fgsm", "dtype": "float32", "split": "test"}


def attack_rows(seeds=3):
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        [
            FGSM | {"seed": seed, "epoch": epoch, "epsilon": epsilon}
            for seed in range(seeds)
            for epoch in EPOCHS
            for epsilon in ("0.05", "0.1")
        ]
    )
    shares = ["clean_accuracy", "accuracy", "zero_share", "zero_image_share", "sign_disagreement"]
    rows[shares] = random.uniform(size=(len(rows), len(shares)))
    rows["mean_abs_gradient"] = 10.0 ** -(rows["epoch"] / 10)
    return rows


def history_rows():
    return pd.DataFrame(
        {
            "run": "adam",
            "seed": seed,
            "epoch": epoch,
            "loss": 10.0 ** -(epoch / 3 + seed / 9),
            # Seed 0 alone is least at 4, seed 1 alone at 7, their mean at 6.
            "validation_loss": [0.1 + 0.01 * (epoch - 4) ** 2, 0.1 + 0.02 * (epoch - 7) ** 2][seed],
        }
        for seed in range(2)
        for epoch in range(1, 11)
    )


def measure_rows():
    rows = [
        {
            "run": "adam",
            "seed": seed,
            "epoch": epoch,
            "measure": measure,
            "item": item,
            "value": norm,
        }
        for seed in range(2)
        for epoch in EPOCHS
        for measure, item, norm in (
            ("spectral_norm", "layer1", 4 + epoch + seed),
            ("spectral_norm", "layer2", 2 + epoch + seed),
            ("class_accuracy", "7", 0.9),
        )
    ]
    return pd.DataFrame(rows)


def example_arrays(count=2):
    images = np.random.default_rng(0).uniform(size=(count, 28, 28))
    moved = images + 0.1 * np.where(images > 0.5, -1, 1)
    digits = np.arange(count)
    return {
        "images": images,
        "adversarial": moved,
        "labels": digits,
        "predictions": digits,
        "adversarial_predictions": digits + 1,
        "epsilon": np.array("0.10"),
    }


def published_rows():
    shared = {"source": "yue2017", "split": "test", "note": ""}
    accuracy = shared | {"place": "figure 6", "series": "fig06", "quantity": "accuracy"}
    norm = shared | {"place": "figure 7", "series": "fig07", "quantity": "spectral_norm:layer1"}
    return pd.DataFrame(
        [
            accuracy | {"epoch": 1, "epsilon": "0.10", "value": 0.31},
            accuracy | {"epoch": 26, "epsilon": "0.10", "value": 0.44},
            accuracy | {"epoch": 26, "epsilon": "0.2", "value": 0.07},
            accuracy | {"epoch": pd.NA, "epsilon": "0.05", "value": 0.55},
            accuracy | {"epoch": 26, "quantity": "clean_accuracy", "value": 0.99},
            norm | {"epoch": 1, "value": 4.0},
            norm | {"epoch": 51, "value": 19.5},
        ]
    ).astype({"epoch": "Int64"})


ENTRIES = {
    "by_epoch": {"series": [FGSM | {"published": "fig06", "clean": True}]},
    "by_epsilon": {"series": [FGSM | {"epochs": [26], "published": "fig06", "clean": True}]},
    "losses": {"series": [{"run": "adam"}]},
    "spectral_norms": {"series": [{"run": "adam", "published": "fig07"}]},
    "examples": {"series": [FGSM]},
}


def entry(kind, **more):
    return {"plot": kind, "title": "A title"} | ENTRIES[kind] | more


@pytest.fixture
def draw(tmp_path):
    """The command line on files in a folder; returns the paths of the figure."""
    np.savez(tmp_path / "examples.npz", **example_arrays())
    published_rows().to_csv(tmp_path / "series.csv", index=False)
    # As a run writes them: a file for each seed.
    for kind, rows in {
        "by_epoch": attack_rows(),
        "by_epsilon": attack_rows(),
        "losses": history_rows(),
        "spectral_norms": measure_rows(),
    }.items():
        for seed, part in rows.groupby("seed"):
            part.to_csv(tmp_path / f"{kind}{seed}.csv", index=False)

    def run(kind, name="figure"):
        pattern = "examples.npz" if kind == "examples" else f"{kind}[0-9].csv"
        outputs = [tmp_path / f"{name}.{suffix}" for suffix in ("png", "svg")]
        script.main(
            [
                *("--plot", kind, "--figure", json.dumps(entry(kind))),
                *("--data", *map(str, sorted(tmp_path.glob(pattern)))),
                *("--published", str(tmp_path / "series.csv")),
                *("--output", *map(str, outputs)),
            ]
        )
        return outputs

    return run


def points(x, y):
    return tuple(zip(np.round(list(map(float, x)), 9), np.round(y, 9), strict=True))


def drawn(panel):
    """The points of each line of a panel, and its colour."""
    return {points(line.get_xdata(), line.get_ydata()): line.get_color() for line in panel.lines}


def expected(series):
    """The points of a series of y by x."""
    return points(series.index, series)


def legend_texts(drawing):
    return [text.get_text() for text in drawing.legends[0].get_texts() if text.get_text()]


@pytest.mark.parametrize("kind", KINDS)
def test_command_line_writes_both_formats_and_nothing_else(draw, tmp_path, kind):
    before = set(tmp_path.iterdir())
    png, svg = draw(kind)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()
    assert set(tmp_path.iterdir()) - before == {png, svg}


@pytest.mark.parametrize("kind", KINDS)
def test_same_input_gives_same_bytes(draw, kind):
    first, second = draw(kind, "first"), draw(kind, "second")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_only_the_module_of_the_plot_is_imported(draw, monkeypatch):
    for kind in KINDS:
        monkeypatch.delitem(sys.modules, f"mirage.plots.{kind}", raising=False)
    draw("losses")
    assert [kind for kind in KINDS if f"mirage.plots.{kind}" in sys.modules] == ["losses"]


def test_by_epoch_draws_the_mean_over_seeds_of_each_epsilon():
    rows = attack_rows()
    drawing = by_epoch.draw(entry("by_epoch", series=[FGSM]), rows, None)
    means = rows.groupby(["epsilon", "epoch"])["accuracy"].mean()
    assert set(drawn(drawing.axes[0])) == {expected(means["0.05"]), expected(means["0.1"])}


def test_band_is_one_standard_deviation_over_seeds():
    rows = attack_rows()
    series = [FGSM | {"epsilons": ["0.05"]}]
    (band,) = by_epoch.draw(entry("by_epoch", series=series), rows, None).axes[0].collections
    at_first = rows[(rows["epsilon"] == "0.05") & (rows["epoch"] == 1)]["accuracy"]
    edges = [y for x, y in band.get_paths()[0].vertices if x == 1]
    assert min(edges) == pytest.approx(at_first.mean() - at_first.std())
    assert max(edges) == pytest.approx(at_first.mean() + at_first.std())


def test_by_epsilon_draws_a_line_per_epoch_at_the_size_of_epsilon():
    rows = attack_rows()
    drawing = by_epsilon.draw(entry("by_epsilon", series=[FGSM | {"epochs": [1, 51]}]), rows, None)
    means = rows.groupby(["epoch", "epsilon"])["accuracy"].mean()
    assert set(drawn(drawing.axes[0])) == {expected(means[1]), expected(means[51])}
    assert legend_texts(drawing)[:2] == ["epoch 1", "epoch 51"]


def test_published_clean_accuracy_is_the_accuracy_at_epsilon_zero():
    series = [FGSM | {"epochs": [26], "published": "fig06"}]
    lines = drawn(
        by_epsilon.draw(entry("by_epsilon", series=series), attack_rows(), published_rows()).axes[0]
    )
    assert ((0, 0.99), (0.05, 0.55), (0.1, 0.44), (0.2, 0.07)) in lines


def test_clean_accuracy_is_drawn_once_for_all_epsilons():
    rows = attack_rows()
    with_clean = entry("by_epoch", series=[FGSM | {"clean": True}])
    panel = by_epoch.draw(with_clean, rows, None).axes[0]
    assert len(panel.lines) == 3
    assert expected(rows.groupby("epoch")["clean_accuracy"].mean()) in drawn(panel)


def test_published_points_are_drawn_at_their_values():
    drawing = by_epoch.draw(entry("by_epoch"), attack_rows(), published_rows())
    lines = drawn(drawing.axes[0])
    assert ((1, 0.31), (26, 0.44)) in lines
    assert ((26, 0.07),) in lines  # an epsilon that we do not draw
    assert ((0, 0.55), (1, 0.55)) in lines  # no epoch stated: a level across the panel
    assert ((26, 0.99),) in lines  # the clean accuracy that the series asks for
    assert "published, ε = 0.2" in legend_texts(drawing)
    assert "published (yue2017, figure 6)" in legend_texts(drawing)
    assert "published, epoch not stated (yue2017, figure 6)" in legend_texts(drawing)


def test_published_line_has_the_colour_of_ours_though_its_epsilon_is_written_otherwise():
    rows = attack_rows()
    lines = drawn(by_epoch.draw(entry("by_epoch"), rows, published_rows()).axes[0])
    ours = rows[rows["epsilon"] == "0.1"].groupby("epoch")["accuracy"].mean()
    assert lines[(1, 0.31), (26, 0.44)] == lines[expected(ours)]


def test_published_norm_stands_beside_its_layer():
    drawing = spectral_norms.draw(entry("spectral_norms"), measure_rows(), published_rows())
    lines = drawn(drawing.axes[0])
    assert ((1, 4), (51, 19.5)) in lines
    assert ((1, 5.5), (26, 30.5), (51, 55.5)) in lines  # layer1, the mean of two seeds
    assert legend_texts(drawing)[:2] == ["layer1", "layer2"]


@pytest.mark.parametrize("written", ["0.10", "0.1"])
def test_epsilon_keeps_its_text_from_file_to_legend(tmp_path, written):
    path = tmp_path / "eps.csv"
    attack_rows().replace({"epsilon": {"0.1": written}}).to_csv(path, index=False)
    drawing = by_epoch.draw(entry("by_epoch", series=[FGSM]), script.read([path]), None)
    assert legend_texts(drawing)[:2] == ["ε = 0.05", f"ε = {written}"]


def test_a_label_names_one_line_and_begins_the_names_of_several():
    one = FGSM | {"epsilons": ["0.05"], "label": "small"}
    several = FGSM | {"label": "both"}
    drawing = by_epoch.draw(entry("by_epoch", series=[one, several]), attack_rows(), None)
    assert legend_texts(drawing)[:3] == ["small", "both, ε = 0.05", "both, ε = 0.1"]


@pytest.mark.parametrize(
    ("seeds", "text"),
    [(1, "measured (1 seed)"), (3, "measured (mean of 3 seeds, band = ±1 SD)")],
)
def test_legend_says_what_a_measured_line_is(seeds, text):
    drawing = by_epoch.draw(entry("by_epoch", series=[FGSM]), attack_rows(seeds), None)
    assert text in legend_texts(drawing)


def test_legend_counts_the_seeds_of_each_line():
    rows = attack_rows().query("seed == 0 or epsilon == '0.1'")
    drawing = by_epoch.draw(entry("by_epoch", series=[FGSM]), rows, None)
    assert "measured (mean of 1–3 seeds, band = ±1 SD)" in legend_texts(drawing)


def test_columns_and_panels_span_a_grid_with_labelled_axes():
    series = [FGSM | {"epsilons": [size], "panel": f"panel {size}"} for size in ("0.1", "0.05")]
    columns = ["accuracy", "mean_abs_gradient"]
    axes = by_epoch.draw(entry("by_epoch", y=columns, series=series), attack_rows(), None).axes
    assert [panel.get_title() for panel in axes] == ["panel 0.1", "panel 0.05", "", ""]
    assert [panel.get_xlabel() != "" for panel in axes] == [False, False, True, True]
    assert [panel.get_ylabel() != "" for panel in axes] == [True, False, True, False]
    assert [panel.get_yscale() for panel in axes] == ["linear", "linear", "log", "log"]


def test_a_colour_of_the_config_takes_precedence():
    figure = entry("by_epoch", series=[FGSM], colours={"ε = 0.1": "#123456"})
    panel = by_epoch.draw(figure, attack_rows(), None).axes[0]
    assert [line.get_color() for line in panel.lines].count("#123456") == 1


@pytest.mark.parametrize(
    ("change", "looked_for"),
    [
        ({"attack": "pgd"}, r"attack \['pgd'\].*'fgsm'"),
        ({"epsilons": ["0.05", "0.3"]}, r"epsilon \['0.3'\].*'0.05', '0.1'"),
        ({"epochs": [7]}, r"epoch \[7\]"),
        ({"published": "fig99"}, r"published points: looked for 'fig99'"),
    ],
)
def test_a_series_without_rows_is_named_with_what_was_looked_for(change, looked_for):
    series = FGSM | change
    with pytest.raises(ValueError, match=looked_for) as error:
        by_epoch.draw(entry("by_epoch", series=[series]), attack_rows(), published_rows())
    assert str(series) in str(error.value)


def test_two_series_of_one_name_are_never_averaged():
    rows = pd.concat([attack_rows(), attack_rows().assign(run="sgd")])
    with pytest.raises(ValueError, match="label them apart"):
        by_epoch.draw(entry("by_epoch", series=[FGSM, FGSM | {"run": "sgd"}]), rows, None)


def test_losses_mark_the_least_mean_validation_loss_on_a_scale_that_fits():
    rows = history_rows()
    panel = losses.draw(entry("losses"), rows).axes[0]
    means = rows.groupby("epoch")[["loss", "validation_loss"]].mean()
    assert {expected(means["loss"]), expected(means["validation_loss"])} <= set(drawn(panel))
    assert means["validation_loss"].idxmin() == 6
    (above,) = panel.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["epoch 6"]
    assert panel.get_yscale() == "log"


def test_band_of_losses_reaches_from_seed_to_seed():
    drawing = losses.draw(entry("losses"), history_rows())
    band = drawing.axes[0].collections[0].get_paths()[0].vertices
    edges = [y for x, y in band if x == 10]
    first = history_rows().query("epoch == 10")["loss"]
    assert (min(edges), max(edges)) == pytest.approx((first.min(), first.max()))
    assert "measured (mean of 2 seeds, band = range)" in legend_texts(drawing)


def test_examples_show_at_most_four_rows_with_perturbation_and_classes():
    drawing = examples.draw(entry("examples"), example_arrays(6))
    images = [axes.images[0].get_array() for axes in drawing.axes if axes.images]
    assert len(images) == 12
    arrays = example_arrays(6)
    np.testing.assert_allclose(images[1], arrays["adversarial"][0] - arrays["images"][0])
    assert drawing.axes[0].get_title() == "label 0, classified as 0"
    assert drawing.axes[2].get_title() == "classified as 1"
    assert drawing.axes[1].get_title() == "perturbation, ε = 0.10"


def test_a_network_that_no_example_misleads_is_said_to_be_so():
    (panel,) = examples.draw(entry("examples"), example_arrays(0)).axes
    assert [text.get_text() for text in panel.texts] == [
        "The attack misled the network on no image."
    ]
