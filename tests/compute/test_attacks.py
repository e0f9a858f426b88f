"""FGSM and PGD: what each step does, and both against Foolbox."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from attacking import moved_by
from scipy.special import logsumexp, softmax

from mirage.attacks import ball, gradients, pgd
from mirage.data.images import as_float
from mirage.models.cast import cast
from mirage.models.measures import correct


@pytest.fixture(scope="module")
def test_set(digits):
    _, (images, labels) = digits
    return as_float(images, "float32"), labels


def test_fgsm_moves_every_pixel_by_epsilon(overfitted, test_set):
    images, labels = test_set
    moved = moved_by("fgsm", overfitted, images, labels, epsilon=0.25, gradient="exact_sign")
    np.testing.assert_allclose(np.abs(moved - images), 0.25, rtol=1e-6)


def test_zeros_are_filled_at_random_and_nothing_else_changes(overfitted, test_set):
    images, labels = test_set
    signs = gradients.sign(
        gradients.input_gradient(overfitted, images, labels, "cross_entropy_sum")
    )
    signs[:, ::2] = 0
    parameters = {"epsilon": 0.5, "signs": signs, "gradient": "cross_entropy_sum"}
    plain = moved_by("fgsm", overfitted, images, labels, **parameters) - images
    filled = moved_by("fgsm", overfitted, images, labels, fill_zeros=True, **parameters) - images
    np.testing.assert_array_equal(filled[:, 1::2], plain[:, 1::2])
    assert np.abs(filled[:, ::2]).min() > 0.49
    assert np.abs((filled[:, ::2] > 0).mean() - 0.5) < 0.01


LOSSES = pytest.mark.parametrize("gradient", ["cross_entropy_sum", "exact_sign"])


@LOSSES
@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_predicted_labels_are_the_network_s_own_answers(overfitted, test_set, method, gradient):
    images, labels = test_set
    answers = gradients.logits(overfitted, images).argmax(axis=1)
    misread = answers != labels
    assert misread.any()
    options = {"epsilon": 0.05, "gradient": gradient, **({"steps": 3} if method == "pgd" else {})}
    options |= {"random_start": False} if method == "pgd" else {}
    predicted = moved_by(method, overfitted, images, labels, labels="predicted", **options)
    given = moved_by(method, overfitted, images, labels, **options)
    np.testing.assert_array_equal(
        predicted, moved_by(method, overfitted, images, answers, **options)
    )
    np.testing.assert_array_equal(predicted[~misread], given[~misread])
    assert (predicted[misread] != given[misread]).any(axis=1).all()


@LOSSES
def test_the_least_likely_class_is_stepped_towards(overfitted, test_set, gradient):
    """x - epsilon * sign(grad J(x, argmin z)) (Kurakin et al. 2016, section 2.2)."""
    images, labels = test_set[0].astype("float64"), test_set[1]
    wide, points = cast(overfitted, "float64"), tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits = wide(points, training=False)
        least = tf.argmin(logits, axis=1)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(least, logits)
    expected = images - 0.01 * np.sign(tape.gradient(loss, points))
    options = {"epsilon": 0.01, "gradient": gradient, "labels": "least_likely"}
    moved = moved_by("fgsm", wide, images, labels, **options)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-15)
    rows = np.arange(len(images)), least.numpy()
    assert (gradients.logits(wide, moved)[rows] > logits.numpy()[rows]).mean() > 0.9


MIXED = {"clean_weight": 0.9, "epsilon": "0.1"}


def autodiff(network, images, labels, gradient):
    """Gradient of the mixed cross-entropy, whose examples follow `gradient`, by TensorFlow."""
    points, classes = tf.constant(images), tf.constant(labels, tf.int32)
    signs = np.sign(gradients.input_gradient(network, images, labels, gradient))
    with tf.GradientTape() as tape:
        tape.watch(points)
        clean, attacked = (
            tf.nn.sparse_softmax_cross_entropy_with_logits(classes, network(each, training=False))
            for each in (points, points + tf.stop_gradient(0.1 * signs))
        )
        loss = tf.reduce_sum(0.9 * clean + 0.1 * attacked)
    return tape.gradient(loss, points).numpy()


def test_the_mixed_loss_is_followed_as_autodiff_follows_it(overfitted, test_set):
    images, labels = test_set[0].astype("float64"), test_set[1]
    wide = cast(overfitted, "float64")
    expected = np.sign(autodiff(wide, images, labels, "cross_entropy_sum"))
    options = {"epsilon": 0.5, "mixed": MIXED}
    for gradient in ("cross_entropy_sum", "exact_sign"):
        moved = moved_by("fgsm", wide, images, labels, gradient=gradient, **options)
        np.testing.assert_array_equal(np.sign(moved - images), expected)
    clean = moved_by("fgsm", wide, images, labels, epsilon=0.5, gradient="exact_sign")
    assert (np.sign(clean - images) != expected).mean() > 0.01
    # In float32 the weights of both terms underflow, and only the exact sign keeps their ratio.
    narrow = test_set[0]
    found = {
        gradient: np.sign(
            moved_by("fgsm", overfitted, narrow, labels, gradient=gradient, **options) - narrow
        )
        for gradient in ("cross_entropy_sum", "exact_sign")
    }
    assert (found["exact_sign"] != expected).mean() < 1e-3
    assert (found["cross_entropy_sum"] != expected).mean() > 0.01


def test_the_exact_sign_of_the_mixed_loss_where_both_terms_underflow():
    """Closed form on a linear network: where p_y is 1 to 800 digits, sigmoid(u) is exp(u)."""
    random = np.random.default_rng(3)
    weights = random.normal(scale=0.4, size=(40, 4))
    images = random.uniform(0.2, 0.8, size=(30, 40))
    bias = np.array([2000.0, 0, 0.5, 1])
    network = keras.Sequential([keras.Input((40,), dtype="float64"), keras.layers.Dense(4)])
    network = cast(network, "float64")
    network.set_weights([weights, bias])
    labels = np.zeros(len(images), int)

    def terms(points):
        logits = points @ weights + bias
        share = softmax(logits[:, 1:], axis=1)
        odds = logsumexp(logits[:, 1:], axis=1) - logits[:, 0]
        return odds, share @ weights[:, 1:].T - weights[:, 0]

    clean, slope = terms(images)
    attacked, further = terms(images + 0.1 * np.sign(slope))
    expected = np.sign(0.9 * slope + 0.1 * np.exp(attacked - clean)[:, np.newaxis] * further)
    chosen = {"gradient": "exact_sign", "mixed": MIXED, "epsilon": 0.1}
    moved = moved_by("fgsm", network, images, labels, **chosen)
    np.testing.assert_array_equal(np.sign(moved - images), expected)
    assert (np.sign(slope) != expected).any()
    assert (np.sign(further) != expected).any()
    plain = moved_by("fgsm", network, images, labels, **{**chosen, "gradient": "cross_entropy_sum"})
    np.testing.assert_array_equal(plain, images)


@pytest.fixture
def still_right(overfitted, test_set):
    """How many test images are classified rightly after an attack."""
    images, labels = test_set

    def count(method, **parameters):
        moved = moved_by(method, overfitted, images, labels, gradient="exact_sign", **parameters)
        return correct(gradients.logits(overfitted, moved), labels)

    return count


def test_pgd_is_at_least_as_strong_as_fgsm(still_right):
    pgd_right = still_right("pgd", epsilon=0.05, steps=20)
    assert pgd_right <= still_right("fgsm", epsilon=0.05)


def test_restarts_only_ever_mislead_more(still_right):
    parameters = {"epsilon": 0.05, "steps": 3, "relative_step": 0.3}
    found = [still_right("pgd", restarts=count, **parameters) for count in (1, 2, 5)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


def test_a_restart_attacks_what_is_left_and_no_point_that_misleads_is_given_up(
    overfitted, test_set, monkeypatch
):
    images, labels = test_set
    parameters = {"epsilon": 0.05, "gradient": "exact_sign", "steps": 3, "relative_step": 0.3}
    begun = []
    descend = pgd.descend_from

    def spied(network, some, *rest, **named):
        begun.append(some)
        return descend(network, some, *rest, **named)

    monkeypatch.setattr(pgd, "descend_from", spied)
    once = moved_by("pgd", overfitted, images, labels, **parameters)
    begun.clear()
    twice = moved_by("pgd", overfitted, images, labels, restarts=2, **parameters)
    left = gradients.logits(overfitted, once).argmax(axis=1) == labels
    assert 0 < left.sum() < len(images)
    np.testing.assert_array_equal(begun[0], images)
    assert len(begun[1]) == -(-left.sum() // pgd.BLOCK) * pgd.BLOCK
    np.testing.assert_array_equal(begun[1][: left.sum()], images[left])
    np.testing.assert_array_equal(twice[~left], once[~left])
    assert (twice[left] != once[left]).any(axis=1).all()


def test_an_averaged_loss_is_divided_by_all_images_in_every_restart(overfitted, test_set):
    """Else a restart with fewer images would underflow later."""
    images, labels = test_set
    tiny = cast(overfitted, "float16")
    parameters = pgd.Parameters(gradient="cross_entropy_mean", steps=2)
    some, start = slice(0, 100), images[:100] + 0.01
    alone, among = (
        pgd.descend_from(
            *(tiny, images[some], start, labels[some], parameters), epsilon=0.05, count=count
        )
        for count in (None, len(images))
    )
    everything = pgd.descend_from(
        *(tiny, images, np.concatenate([start, images[100:]]), labels, parameters), epsilon=0.05
    )
    # A product of another number of rows may be summed in another order, and turn a sign.
    same, other = ((among == one).mean() for one in (everything[some], alone))
    assert same > 0.999 > 0.99 > other


def test_one_step_of_pgd_is_fgsm(overfitted, test_set):
    images, labels = test_set
    step = {"gradient": "exact_sign", "steps": 1, "relative_step": 1, "random_start": False}
    np.testing.assert_allclose(
        moved_by("pgd", overfitted, images, labels, epsilon=0.1, **step),
        moved_by("fgsm", overfitted, images, labels, epsilon=0.1, gradient="exact_sign"),
        rtol=1e-6,
    )


@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_l2_perturbations_lie_in_the_l2_ball(overfitted, test_set, clip, dtype):
    images, labels = test_set
    moved = moved_by(
        "pgd",
        overfitted,
        images.astype(dtype),
        labels,
        epsilon=0.5,
        norm="l2",
        steps=10,
        clip=clip,
        gradient="exact_sign",
    )
    lengths = np.linalg.norm(moved - images, axis=1)
    assert moved.dtype == dtype
    assert lengths.max() <= 0.5 * (1 + 1e-6)
    # What is worth a step is worth the whole radius, where no pixel is held at its bounds.
    assert clip or np.median(lengths) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball_evenly(norm):
    noise = ball.random(np.zeros((20_000, 3)), 2.0, norm, (1,))
    assert np.abs(noise.mean(axis=0)).max() < 0.05
    sizes = np.linalg.norm(noise, axis=1, ord=np.inf if norm == "linf" else 2)
    assert sizes.max() <= 2
    # In three dimensions half the radius holds an eighth of the volume.
    assert (sizes < 1).mean() == pytest.approx(1 / 8, abs=0.01)


def test_steepest_steps_have_length_one_however_small_the_gradient():
    slope = np.array([[3e-30, -4e-30], [0.0, 0.0], [np.nan, 1.0], [5.0, 12.0]], np.float32)
    signs = ball.steepest(tf.constant(slope), "linf").numpy()
    assert signs.tolist() == [[1, -1], [0, 0], [0, 1], [1, 1]]
    way = ball.steepest(tf.constant(slope), "l2").numpy()
    np.testing.assert_allclose(way, [[0.6, -0.8], [0, 0], [0, 1], [5 / 13, 12 / 13]], rtol=1e-6)


@pytest.mark.parametrize(
    ("norm", "peer_name", "epsilon"),
    [("linf", "LinfPGD", 0.05), ("linf", "LinfPGD", 0.1), ("l2", "L2PGD", 1.0)],
)
def test_pgd_accuracy_equals_foolbox(overfitted, test_set, norm, peer_name, epsilon):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is in the dev requirements")
    images, labels = test_set
    tf.random.set_seed(1)
    peer = getattr(foolbox.attacks, peer_name)(rel_stepsize=0.1, steps=40, random_start=False)
    _, theirs, _ = peer(
        foolbox.TensorFlowModel(overfitted, bounds=(0.0, 1.0)),
        tf.constant(images),
        tf.constant(labels.astype(np.int64)),
        epsilons=epsilon,
    )
    ours = moved_by(
        "pgd",
        overfitted,
        images,
        labels,
        epsilon=epsilon,
        gradient="cross_entropy_sum",
        norm=norm,
        random_start=False,
        clip=(0.0, 1.0),
    )
    found, expected = (
        correct(gradients.logits(overfitted, moved), labels) for moved in (ours, theirs.numpy())
    )
    assert found / len(labels) == pytest.approx(expected / len(labels), abs=0.005)


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_fgsm_accuracy_equals_foolbox(overfitted, test_set, epsilon, clip):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is in the dev requirements")
    images, labels = test_set
    # Foolbox always clips to its bounds; far ones leave every pixel where the step puts it.
    peer = foolbox.TensorFlowModel(overfitted, bounds=clip or (-10.0, 10.0))
    _, theirs, _ = foolbox.attacks.LinfFastGradientAttack()(
        peer, tf.constant(images), tf.constant(labels.astype(np.int64)), epsilons=epsilon
    )
    ours = moved_by(
        "fgsm", overfitted, images, labels, epsilon=epsilon, gradient="cross_entropy_sum", clip=clip
    )
    found, expected = (
        correct(gradients.logits(overfitted, moved), labels) for moved in (ours, theirs.numpy())
    )
    assert found / len(labels) == pytest.approx(expected / len(labels), abs=0.0005)
