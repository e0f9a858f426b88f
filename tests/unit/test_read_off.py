"""Reading published points off a plot: how far it is off, on plots as the source's are."""

import matplotlib
import numpy as np
import pytest
import read_off
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@pytest.mark.parametrize("steps", [11, 29])
def test_points_are_read_off_within_half_a_hundredth(tmp_path, steps):
    x = np.linspace(0, 0.3, steps + 1)
    y = 1 / (1 + np.exp(30 * (x - 0.1)))
    with matplotlib.rc_context(matplotlib.rcParamsDefault | {"figure.dpi": 100}):
        figure = Figure()
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.plot(x, y)
        axes.plot(x, y / 2 + 0.5)
        axes.set(xticks=[0, 0.1, 0.2, 0.3], yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
        figure.savefig(tmp_path / "plot.png", dpi=100)
    for colour, values in ((read_off.BLUE, y), (read_off.ORANGE, y / 2 + 0.5)):
        found = read_off.points(tmp_path / "plot.png", ((0, 0.3), x), (0, 1), colour)
        assert found == pytest.approx(values, abs=0.005)
