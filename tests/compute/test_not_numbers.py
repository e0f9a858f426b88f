"""What is no number is told: NaN weights, NaN answers, black images, means of nothing."""

import logging

import keras
import numpy as np
import pytest
from architectures import mlp
from attacking import moved_by

from mirage.attacks import gradients
from mirage.data.images import as_float
from mirage.evaluation import passes, restarts
from mirage.models import checkpoints, measures, networks
from mirage.models.cast import assign, cast

FGSM = {"method": "fgsm", "parameters": {"gradient": "exact_sign"}, "dtype": "float32"}


@pytest.fixture(scope="module")
def split():
    """A few images (n, 6, 6) uint8 and labels."""
    images = np.random.default_rng(0).integers(1, 256, size=(30, 6, 6)).astype(np.uint8)
    return images, np.arange(30) % 10


def network(value=None, layer="layer1/kernel", dtype="float32"):
    """A small network, of which one weight is `value`."""
    made = networks.build(mlp(8), dtype, 1, (6, 6))
    if value is not None:
        (variable,) = [one for one in made.variables if one.path.endswith(layer)]
        weights = variable.numpy()
        weights.flat[3] = value
        variable.assign(weights)
    return made


def saved(folder, *given, epoch=1):
    path = folder / f"epoch{epoch}.keras"
    network(*given).save(path)
    return path


def rows(paths, split, epsilons=("0.1",), **changed):
    seeds = [(1, number) for number in range(len(paths))]
    options = {**FGSM, "epsilons": epsilons, "seeds": seeds, **changed}
    return list(passes.evaluate(paths, paths, *split, **options))


JOBS = {
    "evaluate": rows,
    "measure": lambda paths, split: list(passes.measure(paths, *split)),
    "perturbed": lambda paths, split: passes.perturbed(
        paths[-1], *split, epsilon="0.1", seed=(1,), **FGSM
    ),
    "examples": lambda paths, split: passes.examples(
        paths[-1], *split, epsilon="0.1", seed=(1,), count=2, **FGSM
    ),
    "restarts": lambda paths, split: list(
        restarts.losses(
            *(paths[-1], *split),
            **{"parameters": FGSM["parameters"], "dtype": "float32", "epsilon": "0.1"},
            **{"seed": (1,), "count": 1, "starts": 2},
        )
    ),
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS.keys())
@pytest.mark.parametrize(
    ("value", "layer"), [(np.nan, "layer1/kernel"), (np.inf, "layer2/bias")], ids=str
)
def test_a_checkpoint_with_weights_that_are_no_numbers_is_named(job, value, layer, split, tmp_path):
    """Its success would be 0, and its sign disagreement too: it would look robust."""
    paths = [saved(tmp_path, epoch=1), saved(tmp_path, value, layer, epoch=2)]
    with pytest.raises(networks.NetworkError, match=rf"epoch2\.keras: 1 of the .*{layer}.*NaN"):
        job(paths, split)


def test_a_source_of_a_transfer_attack_is_looked_at_too(split, tmp_path):
    good, bad = saved(tmp_path, epoch=1), saved(tmp_path, np.nan, epoch=2)
    options = {**FGSM, "epsilons": ["0.1"], "seeds": [(1, 1)]}
    with pytest.raises(networks.NetworkError, match=r"epoch2\.keras: .*NaN"):
        list(passes.evaluate([good], [bad], *split, **options))


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_whoever_calls_an_attack_or_a_loss_is_told_the_layer(value, split):
    images, labels = as_float(split[0], "float32"), split[1]
    bad, message = network(value), "layer1/kernel.*NaN or infinite"
    for call in (
        lambda: moved_by("fgsm", bad, images, labels, epsilon=0.1, gradient="exact_sign"),
        lambda: moved_by("pgd", bad, images, labels, epsilon=0.1, gradient="exact_sign"),
        lambda: moved_by("deepfool", bad, images, labels),
        lambda: moved_by("noise", bad, images, labels, epsilon=0.1),
        lambda: gradients.input_gradient(bad, images, labels, "cross_entropy_sum"),
        lambda: cast(bad, "float64"),
        lambda: assign(network(), bad),
    ):
        with pytest.raises(networks.NetworkError, match=message):
            call()


@pytest.mark.parametrize(("dtype", "weight"), [("float16", 1e5), ("bfloat16", 3.4e38)])
def test_a_weight_that_a_type_cannot_hold_is_named_in_a_cast(dtype, weight):
    with pytest.raises(networks.NetworkError, match=rf"in {dtype}.*layer1/kernel"):
        cast(network(weight), dtype)


def test_a_network_that_answers_nothing_is_named(split, tmp_path):
    """All weights are numbers, but the sums overflow, and infinity minus infinity is none."""
    bad = network()
    bad.trainable_variables[0].assign(np.full((36, 8), 3e38, np.float32))
    path = tmp_path / "epoch7.keras"
    bad.save(path)
    for job in ("evaluate", "measure", "examples"):
        with pytest.raises(networks.NetworkError, match=r"epoch7\.keras: its logits for 30 of 30"):
            JOBS[job]([path], split)


def test_a_gradient_that_is_no_number_is_told(split, caplog):
    images, labels = as_float(split[0], "float16"), split[1]
    large = network(dtype="float16")
    for variable in large.trainable_variables[::2]:
        variable.assign(keras.ops.full_like(variable, 6e4))
    gradient = gradients.input_gradient(large, images, labels, "exact_sign")
    lost = np.count_nonzero(~np.isfinite(gradient).all(axis=1))
    assert lost
    assert f"exact_sign in float16: the gradient of {lost} of 30 images is NaN" in caplog.text


def test_black_images_are_left_out_of_the_means_and_told(split, tmp_path, caplog):
    images, labels = split
    some = images.copy()
    some[[3, 8]] = 0
    path = saved(tmp_path)
    rest = np.delete(np.arange(30), [3, 8])
    with caplog.at_level(logging.WARNING, "mirage"):
        (expected,) = rows([path], (images[rest], labels[rest]))
        assert not caplog.text
        (found,) = rows([path], (some, labels))
    assert "2 of 30 images are black" in caplog.text
    for name in ("rho_l2", "rho_linf"):
        # A mean of float32 numbers of one size: one rounding for each.
        assert found[name] == pytest.approx(expected[name], rel=30 * networks.EPSILON["float32"])
    assert found["n"] == 30


def test_images_that_are_all_black_have_no_mean(split, tmp_path):
    (found,) = rows([saved(tmp_path)], (np.zeros_like(split[0]), split[1]))
    assert found["rho_l2"] is found["rho_linf"] is None
    assert found["n"] == 30


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_relative_size_of_a_black_image_is_no_number(dtype):
    images = np.array([[0, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]], dtype)
    moved = images + np.array([[0.25], [0.25], [0]], dtype)
    found = measures.perturbation(images, moved)
    assert np.isnan(found["rho_l2"]).tolist() == [True, False, True]
    assert np.isnan(found["rho_linf"]).tolist() == [True, False, True]
    assert (found["rho_l2"][1], found["rho_linf"][1]) == (1, 0.5)
    assert found["l2"].tolist() == [0.5, 0.5, 0]


def test_success_of_nothing_is_told(split, tmp_path, caplog):
    path = saved(tmp_path)
    answers = gradients.logits(checkpoints.load(path), as_float(split[0], "float32")).argmax(axis=1)
    wrong = split[0], (answers + 1) % 10
    with caplog.at_level(logging.WARNING, "mirage"):
        (found,) = rows([path], wrong)
    assert found["success"] is None
    assert "epoch1.keras: no image is classified rightly" in caplog.text
    with pytest.raises(networks.NetworkError, match=r"epoch1\.keras: it classifies no image"):
        JOBS["restarts"]([path], wrong)


def test_answers_that_are_no_numbers_are_no_class():
    logits = np.array([[1.0, 2.0, 0.0], [np.nan, 1, 2], [np.nan] * 3, [3, -np.inf, 1]])
    assert measures.classes(logits).tolist() == [1, -1, -1, 0]
    labels = np.array([1, 0, 0, 0])
    assert measures.correct(logits, labels) == 2
    assert measures.class_accuracy(logits, labels) == {0: pytest.approx(1 / 3), 1: 1}
    with pytest.raises(ValueError, match="2 of 4 images is NaN"):
        measures.margin_quantiles(logits, labels)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_matrix_that_is_none_has_no_spectral_norm(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        measures.spectral_norm(np.array([[1.0, value], [0, 1]]))


@pytest.mark.parametrize("epsilon", ["-0.1", "nan", "inf"])
def test_an_epsilon_that_is_no_size_is_refused_by_an_evaluation(epsilon, split, tmp_path):
    with pytest.raises(ValueError, match=r"epsilon .*at least 0"):
        rows([saved(tmp_path)], split, epsilons=(epsilon,))
