"""Each indicator on networks of which it is known what masks them: it fires, and it does not."""

from pathlib import Path

import controls
import keras
import numpy as np
import pytest

from mirage.auditing import indicators, slopes
from mirage.auditing.indicators import (
    differences,
    layers,
    margins,
    one_step,
    output_kind,
    pixel_range,
)
from mirage.auditing.network import prepare

EPSILON = 0.1
SLOW = pytest.mark.thorough
CHEAP = ("sound", "times_1000", "quantised", "stopped", "noisy", "hidden", "hidden_1000")
# Name of an indicator -> the controls on which it fires, and those on which it must not.
FIRES = {
    "deterministic": (["noisy"], ["sound", "quantised"]),
    "gradient": (["times_1000", "quantised", "stopped", "distilled"], ["sound", "overfitted"]),
    "zeros": (["times_1000", "distilled"], ["sound", "quantised", "adversarial"]),
    "signs": (["times_1000", "overfitted", "distilled"], ["sound", "quantised", "adversarial"]),
    "margins": (["times_1000", "overfitted", "distilled"], ["sound", "stopped", "adversarial"]),
    "arithmetic": (["times_1000", "overfitted", "distilled"], ["sound", "stopped", "adversarial"]),
    "wrappers": (["times_1000", "overfitted"], ["sound", "adversarial"]),
    "differences": (["quantised", "stopped", "saturated"], ["sound", "times_1000", "adversarial"]),
    "layers": (["quantised", "stopped", "saturated"], ["sound", "times_1000", "adversarial"]),
    "best_iterate": (["noisy"], ["sound", "quantised", "adversarial"]),
    "output_kind": (["hidden_1000"], ["sound", "times_1000"]),
    "noise": (["noisy"], ["sound", "quantised", "adversarial"]),
    "one_step": (["saturated", "one_step"], ["sound", "overfitted", "adversarial"]),
    "black_box": (["quantised", "stopped"], ["sound", "times_1000", "adversarial"]),
    "unbounded": (["quantised", "stopped"], ["sound", "times_1000", "adversarial"]),
    "falls": (["quantised", "stopped"], ["sound", "times_1000", "adversarial"]),
    "converged": (["saturated"], ["sound", "adversarial"]),
}
# A shorter step than the trained one finds more, and many find far more.
EPSILONS = {"one_step": 0.2}


@pytest.fixture(scope="module")
def control(digits, overfitted):
    """A control's subject by name, made once."""
    made, sound = {"overfitted": overfitted}, []

    def network(name):
        if name in CHEAP:
            if not sound:
                sound.append(controls.trained(digits))
            return sound[0] if name == "sound" else getattr(controls, name)(sound[0])
        return getattr(controls, name)(digits)

    subjects = {}

    def get(name):
        if name not in subjects:
            made.setdefault(name, None)
            given = made[name] or network(name)
            subjects[name] = controls.subject(given, digits)
        return subjects[name]

    return get


# An image or two that a search finds make these yellow, of a network as some processor trains it.
SEARCHES = ("black_box", "converged")


def cases():
    for name, sides in FIRES.items():
        fires, quiet = ("red",), ("green", "yellow")
        if name not in SEARCHES:
            fires, quiet = ("red", "yellow"), ("green",)
        for lights, wanted in zip((fires, quiet), sides, strict=True):
            for one in wanted:
                slow = one not in (*CHEAP, "overfitted") or name in (*SEARCHES, "falls")
                marks = [SLOW] if slow else []
                yield pytest.param(name, one, lights, marks=marks, id=f"{name}-{one}")


@pytest.mark.parametrize(("name", "which", "lights"), list(cases()))
def test_an_indicator_fires_on_a_control_that_has_the_fault_and_on_no_other(
    control, name, which, lights
):
    one = control(which)
    module = next(part for part in indicators.modules() if part.__name__.endswith(f".{name}"))
    epsilon = EPSILONS.get(which, EPSILON)
    found = module.measure(one, one.images, one.labels, epsilon=epsilon, seed=0)
    assert found.light in lights, found.sentence
    assert found.name == name
    assert found.sentence.endswith(".")


@SLOW
def test_all_are_green_on_a_sound_network_but_for_what_more_effort_finds(control):
    one = control("sound")
    for module in indicators.modules():
        found = module.measure(one, one.images, one.labels, epsilon=EPSILON, seed=0)
        lights = ("green", "yellow") if found.name in SEARCHES else ("green",)
        assert found.light in lights, found.sentence


def test_the_list_of_names_is_that_of_the_files():
    files = {path.stem for path in Path(indicators.__file__).parent.glob("[!_]*.py")}
    assert files == set(indicators.NAMES)
    assert set(indicators.QUICK) < set(indicators.NAMES)


@pytest.mark.parametrize(
    ("which", "name"),
    [("quantised", "round"), ("stopped", "stop_gradient"), ("saturated", "dense")],
)
def test_the_layer_is_named_in_which_the_gradient_dies(control, which, name):
    one = control(which)
    found = layers.measure(one, one.images, one.labels)
    assert f"dies in '{name}" in found.sentence


def test_what_a_layer_leaves_is_the_ratio_of_gradients_by_hand():
    scale = keras.layers.Rescaling(0.01, dtype="float64")
    last = keras.layers.Dense(2, use_bias=False, dtype="float64")
    network = keras.Sequential([keras.Input((3,), dtype="float64"), scale, last])
    last.set_weights([np.array([[1.0, 0], [0, 1], [1, 1]])])
    found = dict(layers.remaining(network, np.full((4, 3), 0.5), np.zeros(4, int)))
    # u = z_1 - z_0, and its gradient (-1, 1) is (-1, 1, 0) before the layer: as long.
    assert found[last.name] == pytest.approx(1)
    assert found[scale.name] == pytest.approx(0.01)


def test_margins_beyond_a_type_are_counted(control):
    found = margins.margins(*_given(control("times_1000")))
    right = (found.values > 0).mean()
    assert found.dtype == "float32"
    assert found.beyond["float32"] == found.beyond["float64"] == right
    assert margins.margins(*_given(control("sound"))).beyond["float32"] == 0


def test_a_step_that_goes_past_the_other_class_is_seen():
    """Of two pixels the first decides: class 1 lies between 0.4 and 0.6 alone."""
    hinge = keras.layers.Dense(2, activation="relu", kernel_initializer="zeros")
    last = keras.layers.Dense(2)
    network = keras.Sequential([keras.Input((2,)), hinge, last])
    hinge.set_weights([np.array([[1.0, 1], [0, 0]]), np.array([-0.3, -0.5])])
    last.set_weights([np.array([[0, 1.0], [0, -2.0]]), np.array([0.05, 0.0])])
    images, labels = np.full((20, 2), 0.31, np.float32), np.zeros(20, int)
    one = prepare(network, images, labels, given=(0, 1))
    found = one_step.measure(one, images, labels, epsilon=0.6, seed=0)
    assert found.numbers["one"] == 1
    assert found.numbers["overshoots"] == 1
    assert found.light == "red"


def test_probabilities_whose_logits_are_hidden_are_told_and_red_where_they_are_rounded(control):
    found = output_kind.measure(*_given(control("hidden")))
    assert (found.light, found.numbers["at_the_end"]) == ("yellow", 0)
    assert "could not be recovered" in found.sentence
    found = output_kind.measure(*_given(control("hidden_1000")))
    assert found.numbers["at_the_end"] > 100


@pytest.mark.parametrize(("given", "light"), [((0, 1), "green"), ((0, 255), "yellow")])
def test_a_range_is_doubted_where_another_fits_better(control, given, light):
    one = control("sound")
    found = pixel_range.measure(
        prepare(one.model, one.images, one.labels, given=given), one.images, one.labels
    )
    assert found.light == light, found.sentence
    assert ("more plausible" in found.sentence) == (light != "green")


def test_a_gradient_that_is_made_up_is_no_derivative(control):
    """Straight through a quantiser: there is a gradient, and it is not that of the function."""
    from mirage.models import defences

    one = control("sound")
    network = defences.defend(one.model, "bit_depth", {"bits": 2})
    squeezed = prepare(network, one.images, one.labels, given=(0, 1))
    assert not slopes.gradient_fault(squeezed)
    found = differences.measure(squeezed, one.images, one.labels, epsilon=EPSILON, seed=0)
    assert found.light == "red"
    assert found.numbers["near"] > 0.9


def test_ties_under_a_pooling_are_no_fault_of_the_gradient(monkeypatch):
    """All black patches give one value, of which a small step makes another one the largest."""
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(8, 5, bias_initializer=keras.initializers.Constant(0.1)),
        keras.layers.MaxPooling2D(4),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 10:14, 10:14] = np.arange(100, 200, 10)[:, np.newaxis, np.newaxis]
    network = keras.Sequential([keras.Input((784,)), *layers])
    one = controls.subject(network, (None, (images, np.arange(10))), 10)
    found = differences.measure(*_given(one), epsilon=EPSILON, seed=0)
    assert found.light == "green"
    assert found.numbers["near"] < 0.01
    monkeypatch.setattr(differences, "ASIDE", differences.STEP)
    assert differences.measure(*_given(one), epsilon=EPSILON, seed=0).numbers["near"] > 0.1


def _given(subject):
    return subject, subject.images, subject.labels
