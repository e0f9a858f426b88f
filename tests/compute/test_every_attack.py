"""What holds of every attack, with every word and switch that its parameters may have.

Attacks are found by the files of their parameters: a new one is tested without being named here.
"""

import functools
import typing

import attacking
import numpy as np
import pytest
from architectures import mlp

from mirage.attacks import gradients
from mirage.attacks.parameters import methods, parameters_of
from mirage.attacks.parameters.fgsm import Mixed
from mirage.models import networks
from mirage.models.cast import cast

EPSILON = 0.1
BRIEF = {"steps": 3, "search_steps": 3, "iterations": 4, "gamma": 0.2, "queries": 20}
CLIP = (0.0, 1.0)


def brief(method):
    """Parameters with which an attack takes a moment."""
    fields = parameters_of(method).model_fields
    known = {name: value for name, value in BRIEF.items() if name in fields}
    return known | ({"gradient": "exact_sign"} if "gradient" in fields else {})


def settings(kept=lambda model: True):
    """The parameters of each attack: the defaults, and one at a time every other choice."""
    for method in filter(lambda method: kept(parameters_of(method)), methods()):
        fields, base = parameters_of(method).model_fields, brief(method)
        yield pytest.param(method, base, id=method)
        for name, field in fields.items():
            words = (False, True) if field.annotation is bool else typing.get_args(field.annotation)
            for word in words if name not in ("method", "clip", "mixed") else ():
                if word not in (field.default, base.get(name)):
                    named = {"id": f"{method}-{name}={word}", "marks": pytest.mark.thorough}
                    yield pytest.param(method, {**base, name: word}, **named)
        if "mixed" in fields:
            mixed = Mixed(clean_weight=0.9, epsilon="0.1")
            yield pytest.param(method, {**base, "mixed": mixed}, id=f"{method}-mixed")


def each(kept=lambda model: True):
    """A test of every setting of the attacks whose parameters' class is kept."""
    return pytest.mark.parametrize(("method", "chosen"), list(settings(kept)))


@functools.cache
def network(dtype="float32"):
    built = networks.build(mlp(12), seed=1, shape=(6, 6))
    return built if dtype == "float32" else cast(built, dtype)


@functools.cache
def data(dtype="float32"):
    """Images and labels that cannot be written to; every other image is misclassified already."""
    images = np.random.default_rng(0).uniform(size=(8, 36))
    # Some pixels at the bounds, where a clip matters.
    images = np.clip(1.2 * images - 0.1, 0, 1).astype(dtype)
    answers = gradients.logits(network("float64"), images).argmax(axis=1)
    labels = (answers + np.arange(8) % 2) % 10
    for array in (images, labels):
        array.flags.writeable = False
    return images, labels


def attack(method, chosen, rows=slice(None), dtypes=("float32", "float32"), **more):
    size = {"epsilon": EPSILON} if parameters_of(method).kind != "minimal" else {}
    images, labels = (part[rows] for part in data(dtypes[1]))
    return attacking.attack(method, network(dtypes[0]), images, labels, **(size | chosen | more))


@functools.cache
def once(method, chosen):
    """The answer of an attack, for tests that look at nothing else."""
    return attack(method, dict(chosen))


def answer(method, chosen):
    return once(method, tuple(chosen.items()))


@each()
def test_the_result_has_type_and_shape_and_what_the_parameters_promise(method, chosen):
    (images, _), result, model = data(), answer(method, chosen), parameters_of(method)
    assert (result.images.shape, result.images.dtype) == (images.shape, images.dtype)
    assert not np.shares_memory(result.images, images)
    assert (result.iterations is not None) == model.counts_iterations
    if model.counts_iterations:
        assert result.iterations.shape == (8,)
        assert result.iterations.dtype.kind == "i"
        assert result.iterations.min() >= 0
    assert result.success is None or (result.success.shape, result.success.dtype) == ((8,), bool)
    assert (result.images != images).any()


@each(lambda model: model.kind != "minimal" and model.bounded)
def test_no_perturbation_is_larger_than_epsilon(method, chosen):
    way = answer(method, chosen).images.astype(float) - data()[0]
    order = 2 if chosen.get("norm") == "l2" else np.inf
    assert np.linalg.norm(way, axis=1, ord=order).max() <= EPSILON * (1 + 1e-6)


@each(lambda model: model.kind != "minimal")
def test_an_epsilon_of_0_changes_nothing(method, chosen):
    np.testing.assert_array_equal(attack(method, chosen, epsilon=0.0).images, data()[0])


@each()
def test_pixels_stay_within_the_clip(method, chosen):
    moved = attack(method, chosen, clip=CLIP, **large(method)).images
    assert moved.min() >= 0
    assert moved.max() <= 1


def large(method):
    """A size that leads out of the range of pixels."""
    return {} if parameters_of(method).kind == "minimal" else {"epsilon": 0.9}


@each()
def test_the_same_call_gives_the_same_bits(method, chosen):
    first, second = answer(method, chosen), attack(method, chosen)
    np.testing.assert_array_equal(first.images, second.images)
    for name, values in first.of_each_image().items():
        np.testing.assert_array_equal(values, getattr(second, name))


@each()
def test_signs_that_are_known_change_nothing(method, chosen):
    images, labels = data()
    parameters = parameters_of(method)(**chosen)
    if not parameters.uses_gradient:
        parameters = parameters_of("fgsm")(gradient="exact_sign")
    signs = gradients.signs(network(), images, labels, parameters)
    known = attack(method, chosen, signs=signs)
    np.testing.assert_array_equal(known.images, answer(method, chosen).images)


@each(lambda model: not model.of_batch)
def test_an_image_alone_is_answered_as_the_first_of_its_batch(method, chosen):
    if "random_start" in parameters_of(method).model_fields:
        chosen = {**chosen, "random_start": False}  # all starts are drawn together
    # In float64, where rounding decides no sign and no last step.
    wide = ("float64", "float64")
    for first in (0, 1):  # the second is misclassified already
        alone = attack(method, chosen, slice(first, first + 1), wide)
        among = attack(method, chosen, slice(first, None), wide)
        np.testing.assert_allclose(alone.images[0], among.images[0], rtol=0, atol=1e-7)
        for name, values in alone.of_each_image().items():
            assert values[0] == getattr(among, name)[0]


@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize(
    "dtypes",
    [
        *(("float16", "float32"), ("float32", "float64")),
        *(
            pytest.param(pair, marks=pytest.mark.thorough)
            for pair in (("bfloat16", "float32"), ("float64", "float32"), ("float32", "float16"))
        ),
    ],
    ids="-".join,
)
def test_images_keep_their_type_whatever_the_network_s(method, dtypes):
    moved = attack(method, brief(method), dtypes=dtypes).images
    assert moved.dtype == dtypes[1]
    assert np.isfinite(moved).all()
