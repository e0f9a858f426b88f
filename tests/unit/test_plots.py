"""Each kind of plot: what it draws, what it says when nothing is there, and its bytes."""

import json
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

import figure as script
from mirage.data import published
from mirage.data.columns import COLUMNS
from mirage.reporting.plots import layout, lines, pictures, restarts
from mirage.study import kinds

PLOTS = {"lines": lines, "pictures": pictures, "restarts": restarts}

# Each figure, as a configuration says it; what it is drawn from lies in the folder of `draw`.
FIGURES = {
    "by-epoch": {"plot": "lines"},
    "by-epsilon": {"plot": "lines", "x": "epsilon"},
    "by-value": {"plot": "lines", "x": "value"},
    "losses": {"plot": "lines", "y": "loss"},
    "spectral-norms": {"plot": "lines", "y": "spectral_norm"},
    "restarts": {"plot": "restarts"},
    "examples": {"plot": "pictures"},
    "filtered": {"plot": "pictures", "show": "filtered"},
    "digits": {"plot": "pictures", "show": "digits"},
}
EPOCHS = [1, 26, 51]
FGSM = {
    **{"run": "adam", "attack": "fgsm", "dtype": "float32", "split": "test", "defence": "bare"},
}


def attack_rows():
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        [
            FGSM | {"seed": seed, "epoch": epoch, "epsilon": epsilon}
            for seed in range(3)
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
            # Of checkpoints only.
            "loss": 10.0 ** -(epoch / 3 + seed / 9) if epoch % 3 == 1 else None,
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


def value_rows():
    """FGSM on the bare network and behind two smoothing filters."""
    rows = attack_rows().query("epoch == 26")
    return pd.concat(
        rows.assign(defence=defence, accuracy=rows["accuracy"] / (1 + number))
        for number, defence in enumerate(["bare", "smooth-1", "smooth-2"])
    )


def minimal_rows():
    """DeepFool: no epsilon, but a size of its own."""
    rows = attack_rows().query("epsilon == '0.1'").assign(attack="deepfool", epsilon=np.nan)
    return rows.assign(rho_l2=1.5 + rows["seed"] / 10, success=1.0)


def restart_rows():
    rows = [
        FGSM
        | {"seed": seed, "epoch": 8, "epsilon": "0.3", "attack": "pgd", "run": run}
        | {"image": image, "restart": restart, "start_loss": 0.1 * (restart + 1)}
        | {"loss": size * (image + 10 + 0.01 * restart + seed)}
        for run, size in (("adam", 1), ("pgd", 0.1))
        for seed in (1, 2)
        for image in (3, 17)
        for restart in range(20)
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
        "indices": 100 + digits,
    }


def filtered_arrays(share):
    """What is seen behind a filter that leaves `share` of the intensity."""
    arrays = example_arrays(4)
    return arrays | {
        "seen": share * arrays["adversarial"],
        "adversarial_predictions": arrays["labels"] + 2,
    }


def split_arrays():
    """Seven images of each class, but a single 8."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 7)
    labels = np.append(labels[labels != 8], np.uint8(8))
    random = np.random.default_rng(0)
    images = random.integers(256, size=(len(labels), 28, 28), dtype=np.uint8)
    return {"images": images, "labels": labels}


def filters(*names):
    """Series of a figure, one for each defence, placed at 0, 1, 2 ..."""
    return [
        {"run": "adam", "attack": "fgsm", "defence": name, "x": place}
        for place, name in enumerate(names)
    ]


def published_rows():
    shared = {"source": "yue2017", "split": "test", "note": ""}
    accuracy = shared | {"place": "figure 6", "series": "theirs/fig06", "quantity": "accuracy"}
    norm = shared | {
        "place": "figure 7",
        "series": "theirs/fig07",
        "quantity": "spectral_norm",
        "item": "layer1",
    }
    loss = shared | {"place": "figure 2", "series": "theirs/fig02", "quantity": "loss"}
    return pd.DataFrame(
        [
            accuracy | {"epoch": 1, "epsilon": "0.10", "value": 0.31},
            accuracy | {"epoch": 26, "epsilon": "0.10", "value": 0.44},
            accuracy | {"epoch": 26, "epsilon": "0.2", "value": 0.07},
            accuracy | {"epoch": pd.NA, "epsilon": "0.05", "value": 0.55},
            accuracy | {"epoch": 26, "quantity": "clean_accuracy", "value": 0.99},
            norm | {"epoch": 1, "value": 4.0},
            norm | {"epoch": 51, "value": 19.5},
            loss | {"epoch": 1, "item": "training loss", "value": 0.1},
            loss | {"epoch": 1, "item": "validation loss", "value": 0.2},
        ]
    ).astype({"epoch": "Int64"})


FILTERS = filters("bare", "smooth-1", "smooth-2")
ENTRIES = {
    "by-value": {
        "x_label": "Width",
        "series": [one | {"published": "theirs/fig06"} for one in FILTERS],
    },
    "restarts": {"series": [{"run": "adam"}, {"run": "pgd"}]},
    "filtered": {"series": FILTERS},
    "digits": {"series": [{"split": "train"}]},
    "by-epoch": {"series": [FGSM | {"published": "theirs/fig06", "clean": True}]},
    "by-epsilon": {"series": [FGSM | {"epochs": [26], "published": "theirs/fig06", "clean": True}]},
    "losses": {"series": [{"run": "adam"}]},
    "spectral-norms": {"series": [{"run": "adam", "published": "theirs/fig07"}]},
    "examples": {"series": [FGSM]},
}


def entry(name, **more):
    """A figure as it is planned."""
    written = FIGURES[name]
    figure = kinds.DEFAULTS[written["plot"]] | written
    figure |= {"reads": kinds.kind(figure).reads, "title": "A title"}
    return figure | ENTRIES[name] | more


def figure_of(name, data, points=None, **more):
    """A figure, drawn."""
    figure = entry(name, **more)
    return PLOTS[figure["plot"]].draw(figure, data, points)


@pytest.fixture
def draw(tmp_path):
    """The command line on files in a folder; returns the paths of the figure."""
    np.savez(tmp_path / "examples0.npz", **example_arrays())
    np.savez(tmp_path / "digits0.npz", **split_arrays())
    np.savez(tmp_path / "filtered0.npz", **example_arrays(4))
    for number, share in ((1, 0.9), (2, 0.5)):
        np.savez(tmp_path / f"filtered{number}.npz", **filtered_arrays(share))
    rows = published_rows()
    rows = rows.assign(key=rows["series"].str.removeprefix("theirs/"))
    (tmp_path / "theirs").mkdir()
    rows.reindex(columns=published.COLUMNS).to_csv(tmp_path / "theirs/published.csv", index=False)
    # As a run writes them: a file for each seed.
    for name, rows in {
        "by-epoch": attack_rows(),
        "by-epsilon": attack_rows(),
        "by-value": value_rows(),
        "restarts": restart_rows(),
        "losses": history_rows(),
        "spectral-norms": measure_rows(),
    }.items():
        columns = [*rows, *COLUMNS[entry(name)["reads"]]]
        rows = rows.reindex(columns=dict.fromkeys(columns))
        for seed, part in rows.groupby("seed"):
            part.to_csv(tmp_path / f"{name}{seed}.csv", index=False)

    def run(name, drawn="figure"):
        outputs = [tmp_path / f"{drawn}.{suffix}" for suffix in ("png", "svg")]
        script.main(
            [
                *("--job", json.dumps({"figure": entry(name)})),
                *("--data", *map(str, sorted(tmp_path.glob(f"{name}[0-9].*")))),
                *("--published", str(tmp_path / "theirs/published.csv")),
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


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("by-epoch", "examples") else pytest.mark.thorough)
        for name in FIGURES
    ],
)
def test_command_line_writes_both_formats_with_the_same_bytes_and_nothing_else(
    draw, tmp_path, name
):
    before = set(tmp_path.iterdir())
    first, second = draw(name, "first"), draw(name, "second")
    assert set(tmp_path.iterdir()) - before == {*first, *second}
    png, svg = (path.read_bytes() for path in first)
    assert [path.read_bytes() for path in second] == [png, svg]
    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg


def test_only_the_module_of_the_plot_is_imported(draw, monkeypatch):
    for plot in PLOTS:
        monkeypatch.delitem(sys.modules, f"mirage.reporting.plots.{plot}", raising=False)
    draw("losses")
    assert [plot for plot in PLOTS if f"mirage.reporting.plots.{plot}" in sys.modules] == ["lines"]


@pytest.mark.parametrize(
    ("name", "x", "key", "epochs"),
    [("by-epoch", "epoch", "epsilon", EPOCHS), ("by-epsilon", "epsilon", "epoch", [1, 51])],
)
def test_lines_are_means_over_seeds_of_each_epsilon_or_epoch(name, x, key, epochs):
    rows = attack_rows()
    drawing = figure_of(name, rows, series=[FGSM | {"epochs": epochs}])
    means = rows[rows["epoch"].isin(epochs)].groupby([key, x])["accuracy"].mean()
    values = list(dict.fromkeys(means.index.get_level_values(key)))
    assert set(drawn(drawing.axes[0])) == {expected(means[value]) for value in values}
    prefix = {"epsilon": "ε = ", "epoch": "epoch "}[key]
    assert legend_texts(drawing)[:2] == [f"{prefix}{value}" for value in values]


def test_band_is_one_standard_deviation_over_seeds():
    rows = attack_rows()
    series = [FGSM | {"epsilons": ["0.05"]}]
    (band,) = figure_of("by-epoch", rows, series=series).axes[0].collections
    at_first = rows[(rows["epsilon"] == "0.05") & (rows["epoch"] == 1)]["accuracy"]
    edges = [y for x, y in band.get_paths()[0].vertices if x == 1]
    assert min(edges) == pytest.approx(at_first.mean() - at_first.std())
    assert max(edges) == pytest.approx(at_first.mean() + at_first.std())


def test_published_clean_accuracy_is_the_accuracy_at_epsilon_zero():
    series = [FGSM | {"epochs": [26], "published": "theirs/fig06"}]
    lines = drawn(figure_of("by-epsilon", attack_rows(), published_rows(), series=series).axes[0])
    assert ((0, 0.99), (0.05, 0.55), (0.1, 0.44), (0.2, 0.07)) in lines


def test_clean_accuracy_is_drawn_once_for_all_epsilons():
    rows = attack_rows()
    panel = figure_of("by-epoch", rows, series=[FGSM | {"clean": True}]).axes[0]
    assert len(panel.lines) == 3
    assert expected(rows.groupby("epoch")["clean_accuracy"].mean()) in drawn(panel)


def test_published_points_are_drawn_at_their_values():
    rows = attack_rows()
    drawing = figure_of("by-epoch", rows, published_rows())
    lines = drawn(drawing.axes[0])
    ours = rows[rows["epsilon"] == "0.1"].groupby("epoch")["accuracy"].mean()
    # The same epsilon, though it is written "0.10".
    assert lines[(1, 0.31), (26, 0.44)] == lines[expected(ours)]
    assert ((26, 0.07),) in lines  # an epsilon that we do not draw
    assert ((0, 0.55), (1, 0.55)) in lines  # no epoch stated: a level across the panel
    assert ((26, 0.99),) in lines  # the clean accuracy that the series asks for
    assert {
        "published, ε = 0.2",
        "published (yue2017, figure 6)",
        "published, epoch not stated (yue2017, figure 6)",
    } <= set(legend_texts(drawing))


def test_published_norm_stands_beside_its_layer():
    drawing = figure_of("spectral-norms", measure_rows(), published_rows())
    lines = drawn(drawing.axes[0])
    assert ((1, 4), (51, 19.5)) in lines
    assert ((1, 5.5), (26, 30.5), (51, 55.5)) in lines  # layer1, the mean of two seeds
    assert legend_texts(drawing)[:2] == ["layer1", "layer2"]


@pytest.mark.parametrize("written", ["0.10", "0.1"])
def test_epsilon_keeps_its_text_from_file_to_legend(tmp_path, written):
    path = tmp_path / "eps.csv"
    rows = attack_rows().replace({"epsilon": {"0.1": written}})
    rows.reindex(columns=COLUMNS["attacks"]).to_csv(path, index=False)
    drawing = figure_of("by-epoch", script.read([path], "attacks"), series=[FGSM])
    assert legend_texts(drawing)[:2] == ["ε = 0.05", f"ε = {written}"]


def test_a_label_names_one_line_and_begins_the_names_of_several():
    one = FGSM | {"epsilons": ["0.05"], "label": "small"}
    several = FGSM | {"label": "both"}
    drawing = figure_of("by-epoch", attack_rows(), series=[one, several])
    assert legend_texts(drawing)[:3] == ["small", "both, ε = 0.05", "both, ε = 0.1"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("seed == 0", "measured (1 seed)"),
        ("seed >= 0", "measured (mean of 3 seeds, band = ±1 SD)"),
        ("seed == 0 or epsilon == '0.1'", "measured (mean of 1–3 seeds, band = ±1 SD)"),
    ],
)
def test_legend_says_what_a_measured_line_is(query, text):
    drawing = figure_of("by-epoch", attack_rows().query(query), series=[FGSM])
    assert text in legend_texts(drawing)


@pytest.mark.parametrize("length", range(4, 14))
def test_a_legend_is_no_wider_than_its_figure(length):
    """As it is saved: of more dots an inch a text is wider than its outline says."""
    texts = ["none", "dropout 0.5", "n" * length + ", T = 100", "Parseval", "RBF", "linear"]
    drawing, _ = layout.panels(2)
    drawing.set_dpi(plt.rcParams["savefig.dpi"])
    handle, note = Line2D([], []), "measured (mean of 3 seeds, band = ±1 SD)"
    layout.set_legend(drawing, [(handle, text) for text in texts], [(handle, note)])
    drawing.canvas.draw()
    extent = drawing.legends[0].get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= drawing.bbox.x1
    plt.close(drawing)


def test_columns_and_panels_span_a_grid_with_labelled_axes():
    series = [FGSM | {"epsilons": [size], "panel": f"panel {size}"} for size in ("0.1", "0.05")]
    columns = ["accuracy", "mean_abs_gradient"]
    axes = figure_of("by-epoch", attack_rows(), y=columns, series=series).axes
    assert [panel.get_title() for panel in axes] == ["panel 0.1", "panel 0.05", "", ""]
    assert [panel.get_xlabel() != "" for panel in axes] == [False, False, True, True]
    assert [panel.get_ylabel() != "" for panel in axes] == [True, False, True, False]
    assert [panel.get_yscale() for panel in axes] == ["linear", "linear", "log", "log"]


def test_a_colour_of_the_config_takes_precedence():
    colours = {"ε = 0.1": "#123456"}
    panel = figure_of("by-epoch", attack_rows(), series=[FGSM], colours=colours).axes[0]
    assert [line.get_color() for line in panel.lines].count("#123456") == 1


ALIKE = [FGSM, FGSM | {"run": "sgd"}]
WITHOUT = minimal_rows().assign(zero_share=np.nan)
AT = [FGSM | {"attack": "deepfool", "epochs": [26]}]
TWICE = [FGSM | {"x": 1}, FGSM | {"x": 1, "defence": "smooth-1"}]
REFUSED = [
    ("by-epoch", attack_rows(), {"series": [FGSM | {"attack": "pgd"}]}, "no rows; there are {}"),
    (
        *("by-epoch", attack_rows(), {"series": [FGSM | {"epsilons": ["0.05", "0.3"]}]}),
        r"'epsilons': \['0.05', '0.3'\].* no rows; there are {'epsilon': \['0.05', '0.1'\]}",
    ),
    (
        *("by-epoch", attack_rows(), {"series": [FGSM | {"epochs": [7]}]}),
        r"no rows; there are {'epoch': \[1, 26, 51\]}",
    ),
    (
        *("by-epoch", attack_rows(), {"series": [FGSM | {"published": "fig99"}]}),
        "'dtype': 'float32'.* published points: looked for 'fig99'",
    ),
    (
        *("by-epoch", pd.concat([attack_rows(), attack_rows().assign(run="sgd")])),
        *({"series": ALIKE}, "label them apart"),
    ),
    (
        *("by-epoch", pd.concat([attack_rows(), attack_rows().assign(attack="pgd")])),
        *({"series": [{"run": "adam"}]}, r"'ε = 0.05'.*several values for seed 0 at epoch 1:"),
    ),
    ("by-epsilon", WITHOUT, {"series": AT}, r"cannot be drawn: no values of \['epsilon'\]"),
    ("by-epoch", WITHOUT, {"y": "zero_share", "series": AT}, r"no values of \['zero_share'\]"),
    ("by-value", value_rows(), {"series": [FGSM]}, r"no values of \['x'\]"),
    ("by-value", value_rows(), {"log_x": True}, "logarithmic x axis cannot show 0"),
    ("by-value", value_rows(), {"series": TWICE}, "at x 1:"),
]


@pytest.mark.parametrize(("name", "rows", "change", "message"), REFUSED)
def test_lines_that_cannot_be_drawn_are_refused(name, rows, change, message):
    with pytest.raises(ValueError, match=message):
        figure_of(name, rows, published_rows(), **change)


@pytest.mark.parametrize("log_x", [False, True])
def test_losses_mark_the_least_mean_validation_loss_on_a_scale_that_fits(log_x):
    rows = history_rows()
    panel = figure_of("losses", rows, log_x=log_x).axes[0]
    means = rows.groupby("epoch")[["loss", "validation_loss"]].mean()
    lines = means["loss"].dropna(), means["validation_loss"]
    assert set(map(expected, lines)) <= set(drawn(panel))
    assert [len(line) for line in lines] == [4, 10]
    assert means["validation_loss"].idxmin() == 6
    (above,) = panel.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["epoch 6"]
    assert panel.get_yscale() == "log"


def test_losses_have_markers_where_there_are_few_epochs():
    often = [
        history_rows().assign(epoch=lambda rows, n=n: rows["epoch"] + 10 * n) for n in range(5)
    ]
    rows = pd.concat(often)
    (panel,) = figure_of("losses", rows).axes
    markers = {len(line.get_xdata()): line.get_marker() for line in panel.lines}
    assert markers[20] == "o"
    assert markers[50] == ""


def test_band_of_losses_reaches_from_seed_to_seed():
    drawing = figure_of("losses", history_rows())
    band = drawing.axes[0].collections[0].get_paths()[0].vertices
    edges = [y for x, y in band if x == 10]
    first = history_rows().query("epoch == 10")["loss"]
    assert (min(edges), max(edges)) == pytest.approx((first.min(), first.max()))
    assert "measured (mean of 2 seeds, band = range)" in legend_texts(drawing)


def test_published_losses_stand_beside_those_of_their_kind():
    series = [{"run": "adam", "published": "theirs/fig02"}]
    drawing = figure_of("losses", history_rows(), published_rows(), series=series)
    lines = drawing.axes[0].lines
    found = {float(line.get_ydata()[0]): line for line in lines if len(line.get_xdata()) == 1}
    assert {0.1, 0.2} <= set(found)
    assert found[0.1].get_color() != found[0.2].get_color()
    assert "published (yue2017, figure 2)" in legend_texts(drawing)


def test_examples_show_at_most_four_rows_with_perturbation_and_classes():
    drawing = figure_of("examples", [example_arrays(6)])
    images = [axes.images[0].get_array() for axes in drawing.axes if axes.images]
    assert len(images) == 12
    arrays = example_arrays(6)
    np.testing.assert_allclose(images[1], arrays["adversarial"][0] - arrays["images"][0])
    assert drawing.axes[0].get_title() == "label 0, classified as 0"
    assert drawing.axes[2].get_title() == "classified as 1"
    assert drawing.axes[1].get_title() == "perturbation, ε = 0.10"


def test_a_network_that_no_example_misleads_is_said_to_be_so():
    (panel,) = figure_of("examples", [example_arrays(0)]).axes
    assert [text.get_text() for text in panel.texts] == [
        "The attack misled the network on no image."
    ]


def test_a_series_is_of_its_defence_alone():
    rows = value_rows()
    means = rows.groupby(["defence", "epsilon"])["accuracy"].mean()
    for defence in ("bare", "smooth-2"):
        panel = figure_of("by-epoch", rows, series=[FGSM | {"defence": defence}]).axes[0]
        assert set(drawn(panel)) == {points([26], [value]) for value in means[defence]}


@pytest.mark.parametrize(("label", "name"), [({}, "deepfool"), ({"label": "tuned"}, "tuned")])
def test_a_minimal_attack_has_one_line_named_without_an_epsilon(label, name):
    rows = minimal_rows()
    series = [FGSM | {"attack": "deepfool"} | label]
    drawing = figure_of("by-epoch", rows, y="rho_l2", series=series)
    (panel,) = drawing.axes
    assert set(drawn(panel)) == {expected(rows.groupby("epoch")["rho_l2"].mean())}
    assert legend_texts(drawing)[0] == name
    assert "‖r‖₂ / ‖x‖₂" in panel.get_ylabel().replace("\n", " ")
    assert panel.get_ylim()[1] > 1.6  # not a share: all of it is shown


def test_a_line_without_an_epsilon_keeps_its_label_beside_one_with():
    rows = pd.concat([attack_rows().query("epsilon == '0.1'"), minimal_rows()])
    series = [{"run": "adam", "label": "adam"}]
    drawing = figure_of("by-epoch", rows, series=series)
    assert legend_texts(drawing)[:2] == ["adam, ε = 0.1", "adam"]


def test_success_is_a_share():
    series = [FGSM | {"attack": "deepfool"}]
    (panel,) = figure_of("by-epoch", minimal_rows(), y="success", series=series).axes
    assert panel.get_ylim() == (-0.03, 1.03)
    assert panel.get_ylabel() == "Success rate of the attack (0–1)"


def test_clean_lines_of_several_series_have_the_colours_of_their_series():
    rows = pd.concat([attack_rows(), attack_rows().assign(run="sgd", clean_accuracy=0.5)])
    both = [FGSM | {"run": run, "label": run, "clean": True} for run in ("adam", "sgd")]
    lines = drawn(figure_of("by-epoch", rows, series=both).axes[0])
    ours = rows.query("run == 'sgd' and epsilon == '0.05'").groupby("epoch")["accuracy"].mean()
    assert lines[points(EPOCHS, [0.5] * 3)] == lines[expected(ours)]


def test_by_value_joins_the_series_of_a_label_each_at_its_own_x():
    rows = value_rows()
    series = [one | {"label": "smoothed", "x": one["x"] / 2} for one in FILTERS]
    drawing = figure_of("by-value", rows, series=series)
    means = rows.groupby(["epsilon", "defence"])["accuracy"].mean()  # defences in their order
    (panel,) = drawing.axes
    assert set(drawn(panel)) == {points([0, 0.5, 1], means[size]) for size in ("0.05", "0.1")}
    assert legend_texts(drawing)[:2] == ["smoothed, ε = 0.05", "smoothed, ε = 0.1"]
    assert panel.get_xlabel() == "Width"


def test_by_value_names_a_line_by_its_label_where_there_is_one_epsilon():
    series = [one | {"label": "FGSM", "epsilons": ["0.1"]} for one in FILTERS]
    drawing = figure_of("by-value", value_rows(), series=series)
    assert len(drawing.axes[0].lines) == 1
    assert legend_texts(drawing)[0] == "FGSM"


def test_by_value_puts_published_points_and_clean_accuracy_at_the_series_x():
    rows = value_rows()
    series = [one | {"clean": True} for one in entry("by-value")["series"]]
    table = published_rows().query("epoch == 26 and epsilon != '0.2'")
    lines = drawn(figure_of("by-value", rows, table, series=series).axes[0])
    ours = rows.query("epsilon == '0.1'").groupby("defence")["accuracy"].mean()
    assert lines[points([0, 1, 2], [0.44] * 3)] == lines[points([0, 1, 2], ours)]
    assert points([0, 1, 2], [0.99] * 3) in lines
    clean = rows.groupby("defence")["clean_accuracy"].mean()
    assert points([0, 1, 2], clean) in lines


def test_a_logarithmic_axis_has_its_ticks_at_the_values():
    series = [one | {"x": 4 ** (2 + one["x"])} for one in FILTERS]
    (panel,) = figure_of("by-value", value_rows(), series=series, log_x=True).axes
    assert panel.get_xscale() == "log"
    assert [text.get_text() for text in panel.get_xticklabels()] == ["16", "64", "256"]


@pytest.mark.parametrize(("step", "whole"), [(1, True), (0.5, False)])
def test_ticks_stand_at_whole_numbers_alone_where_the_values_are_whole(step, whole):
    series = [one | {"x": one["x"] * step} for one in FILTERS]
    (panel,) = figure_of("by-value", value_rows(), series=series).axes
    assert all(tick % 1 == 0 for tick in panel.get_xticks()) == whole


def shown(drawing):
    """The images of a figure, row by row, with their titles."""
    panels = [axes for axes in drawing.axes if axes.images]
    return [(axes.get_title(), axes.images[0].get_array()) for axes in panels]


def test_files_of_arrays_come_in_a_list_in_their_order(tmp_path):
    paths = [tmp_path / "b.npz", tmp_path / "a.npz"]
    for count, path in enumerate(paths, 1):
        np.savez(path, **example_arrays(count))
    assert [len(arrays["images"]) for arrays in script.read(paths, "examples")] == [1, 2]


def test_example_of_a_minimal_attack_says_its_relative_size():
    arrays = example_arrays(1)
    arrays |= {"adversarial": arrays["images"] * 1.25, "epsilon": np.array("")}
    titles = [title for title, _ in shown(figure_of("examples", [arrays]))]
    assert titles[1] == "perturbation\n‖r‖₂ / ‖x‖₂ = 0.25"


TWO = [FGSM | {"label": "FGSM"}, FGSM | {"attack": "deepfool", "label": "DeepFool"}]


def two_attacks(first, second):
    """Examples of two attacks, on the images at these positions of one data set."""
    every = example_arrays(6)
    minimal = every | {"adversarial": every["images"] * 1.5, "epsilon": np.array("")}
    return [
        {name: array[chosen] if array.ndim else array for name, array in arrays.items()}
        for arrays, chosen in ((every, first), (minimal, second))
    ]


def test_examples_of_several_attacks_show_the_images_that_all_have():
    data = two_attacks([0, 4, 2, 5], [2, 3, 4])
    panels = shown(figure_of("examples", data, series=TWO))
    assert len(panels) == 2 * 5  # the original, and two panels for each attack
    images = example_arrays(6)["images"]
    np.testing.assert_array_equal([array for _, array in panels[::5]], images[[4, 2]])
    titles = [title for title, _ in panels]
    assert titles[0] == "label 4,\nclassified as 4"
    assert titles[1].startswith("FGSM, ε = 0.10\n‖r‖₂ / ‖x‖₂ = 0.")
    assert titles[2:5] == [
        "FGSM\nclassified as 5",
        "DeepFool\n‖r‖₂ / ‖x‖₂ = 0.5",
        "DeepFool\nclassified as 5",
    ]
    np.testing.assert_allclose(np.abs(panels[1][1]), 0.1)
    np.testing.assert_allclose(panels[3][1], 0.5 * images[4])


def test_perturbations_of_several_attacks_have_one_scale():
    drawing = figure_of("examples", two_attacks([0], [0]), series=TWO)
    changes = [axes.images[0] for axes in drawing.axes if axes.images and "‖" in axes.get_title()]
    largest = 0.5 * example_arrays(6)["images"][0].max()
    assert [image.get_clim() for image in changes] == [pytest.approx((-largest, largest))] * 2


def test_attacks_without_an_image_in_common_show_their_own():
    data = two_attacks([0, 1], [2])
    panels = shown(figure_of("examples", data, series=TWO))
    originals = [title[:7] for title, _ in panels if title.startswith("label")]
    assert originals == ["label 0", "label 2", "label 1"]


def test_an_attack_that_misled_on_no_image_says_so_beside_the_others():
    drawing = figure_of("examples", two_attacks([0, 1], []), series=TWO)
    texts = [text.get_text() for axes in drawing.axes for text in axes.texts]
    assert texts == ["DeepFool:\nno image misled"]
    assert len(shown(drawing)) == 2 * 3


def test_filtered_shows_three_digits_before_and_behind_each_filter():
    data = [example_arrays(4), filtered_arrays(0.9), filtered_arrays(0.5)]
    panels = shown(figure_of("filtered", data))
    assert len(panels) == 3 * 4
    assert [title for title, _ in panels[:4]] == [
        "original, label 0\nclassified as 0",
        "adversarial, ε = 0.10\nclassified as 1",
        "smooth-1\nclassified as 2",
        "smooth-2\nclassified as 2",
    ]
    before = example_arrays(4)
    columns = [before["images"], *(share * before["adversarial"] for share in (1, 0.9, 0.5))]
    for column, images in enumerate(columns):
        np.testing.assert_allclose([array for _, array in panels[column::4]], images[:3])


def test_filtered_shows_the_digit_that_is_named_alone():
    data = [example_arrays(4), filtered_arrays(0.9), filtered_arrays(0.5)]
    titles = [title for title, _ in shown(figure_of("filtered", data, digit=3))]
    assert [title for title in titles if "original" in title] == [
        "original, label 3\nclassified as 3"
    ]
    (panel,) = figure_of("filtered", data, digit=9).axes
    assert [text.get_text() for text in panel.texts] == ["There is no image that all series show."]


def test_filtered_names_no_class_that_it_was_not_given():
    panels = shown(figure_of("filtered", [filtered_arrays(0.9)], series=FILTERS[1:2]))
    assert [title for title, _ in panels[:2]] == ["original, label 0", "adversarial, ε = 0.10"]


def test_filtered_refuses_adversarial_images_that_differ():
    other = filtered_arrays(0.5)
    other["adversarial"] = other["adversarial"] + 0.01
    with pytest.raises(ValueError, match="does not adapt to the defence"):
        figure_of("filtered", [filtered_arrays(0.9), other], series=FILTERS[1:])


def test_filtered_takes_one_pixel_that_differs_for_the_same_attack():
    other = filtered_arrays(0.5)
    other["adversarial"][0, 0, 0] += 0.2
    drawing = figure_of("filtered", [filtered_arrays(0.9), other], series=FILTERS[1:])
    assert len(shown(drawing)) == 3 * 4


def test_filtered_says_that_no_image_is_in_all_series():
    other = filtered_arrays(0.5)
    other["indices"] = other["indices"] + 50
    (panel,) = figure_of("filtered", [filtered_arrays(0.9), other], series=FILTERS[1:]).axes
    assert [text.get_text() for text in panel.texts] == ["There is no image that all series show."]


def test_digits_show_the_first_five_of_each_class():
    arrays = split_arrays()
    panel = figure_of("digits", [arrays]).axes[0]
    sheet = panel.images[0].get_array()
    for digit in range(10):
        images = arrays["images"][arrays["labels"] == digit]
        for row in range(5):
            place = sheet[30 * row : 30 * row + 28, 30 * digit : 30 * digit + 28]
            if row < len(images):
                np.testing.assert_array_equal(place, images[row])
            else:
                assert digit == 8
                assert np.ma.getmaskarray(place).all()  # left blank
    assert [text.get_text() for text in panel.get_xticklabels()] == list("0123456789")


def bars(panel):
    """The bars of each row of a panel: row -> [(left edge, height)], without those of height 0."""
    rows = {}
    for bar in panel.patches:
        if bar.get_height():
            rows.setdefault(bar.get_y(), []).append((bar.get_x(), -bar.get_height()))
    return rows


def test_restarts_are_histograms_of_the_final_losses_of_the_least_seed():
    drawing = figure_of("restarts", restart_rows())
    edges = np.geomspace(0.1 * 14, 28.19, 101)  # of seed 1; beyond a decade, so logarithmic
    for panel, size in zip(drawing.axes, (1, 0.1), strict=True):
        for row, image in enumerate((3, 17)):
            counts, _ = np.histogram(size * (image + 11 + 0.01 * np.arange(20)), edges)
            there = counts > 0
            lefts, heights = zip(*bars(panel)[row], strict=True)
            assert lefts == pytest.approx(edges[:-1][there])
            assert heights == pytest.approx(0.8 * counts[there] / counts.max())
        assert panel.get_xscale() == "log"
    assert [panel.get_title() for panel in drawing.axes] == ["adam", "pgd"]
    assert legend_texts(drawing)[0].startswith("20 restarts per image, seed 1;")


def test_restarts_say_how_concentrated_the_losses_are():
    rows = restart_rows().query("run == 'adam' and seed == 1")
    (panel,) = figure_of("restarts", rows, series=[{"run": "adam"}]).axes
    wanted = [
        f"{here['start_loss'].std() / here['start_loss'].mean():.2g}"
        f" → {here['loss'].std() / here['loss'].mean():.2g}"
        for _, here in rows.groupby("image")
    ]
    assert [text.get_text() for text in panel.texts][:2] == wanted
    assert wanted[1].startswith("0.56 → 0.002")
    assert [text.get_text() for text in panel.get_yticklabels()] == ["image 3", "image 17"]


def test_restarts_that_all_end_alike_are_drawn():
    rows = restart_rows().assign(loss=2.0)
    for panel in figure_of("restarts", rows).axes:
        assert [len(row) for row in bars(panel).values()] == [1, 1]
        assert panel.get_xscale() == "linear"


def test_restarts_of_several_checkpoints_are_refused():
    rows = pd.concat([restart_rows(), restart_rows().assign(epoch=9)])
    with pytest.raises(ValueError, match=r"several networks or attacks: epoch \[.*8.*9.*\]"):
        figure_of("restarts", rows)
