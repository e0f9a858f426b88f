"""What is wrong with a configuration is told in a sentence for each fault."""

import copy
import datetime
from pathlib import Path

import pytest
import yaml
from configurations import RUN, TEXT, WORKFLOW
from hypothesis import given, settings
from hypothesis import strategies as st

from mirage.study import config

QUICK = yaml.safe_load((Path(__file__).parents[2] / "config/quick.yaml").read_text())
CELL = {"label": "", "missing": "nothing"}
MISSING = object()


def put(configuration, path, value):
    """Set what stands at a dotted path; MISSING takes it away."""
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in above:
        configuration = configuration[key]
    if value is MISSING:
        del configuration[last]
    elif isinstance(configuration, list) and last == len(configuration):
        configuration.append(value)
    else:
        configuration[last] = value


def faults(configuration):
    """The faults that are told, one a line."""
    with pytest.raises(config.ConfigError) as caught:
        config.read(configuration, WORKFLOW)
    first, *lines = str(caught.value).splitlines()
    assert first == "the configuration cannot be run:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


NO_FORM = "must be written in another form"
LARGE = ["is too large", "pixels lie in 0 to 1"]
LIKELY = ["is not allowed", "least_likely"]
CNN = {"name": "cnn", "filters": [1, 2], "dense": 3}
MIXED = {"name": "fgsm_mixed", "clean_weight": 0.9}
PGD = {"name": "pgd", "steps": 1, "relative_step": 1}

SPOILED = [
    # where, what is put there, where the fault is told, what is told of it
    ("also.0.epsilons.0", "-0.1", "", ["'-0.1'", NO_FORM, '"0.05"']),
    ("also.0.epsilons.0", "0.10", "", ["'0.10'", NO_FORM, "shortest"]),
    ("also.0.epsilons.0", "1e-5", "", ["'1e-5'", NO_FORM, "decimal"]),
    ("also.0.epsilons.0", 0.1, "", ["0.1 is not", "must be text in quotes"]),
    ("also.0.epsilons", [], "", ["[]", "at least 1"]),
    ("also.0.epsilons", ["0.1", "0.1"], "", ["['0.1', '0.1']", "twice"]),
    ("also.0.dtype", ["float23"], "also.0.dtype.0", ["'float23'", "bfloat16"]),
    ("also.0.split", ["all"], "also.0.split.0", ["'all'", "train, validation"]),
    ("also.0.run", "two", "", ["no run 'two'", "one, other"]),
    (
        "also.0.attack",
        "cw",
        "",
        ["'cw'", "there are adaptive, apgd, apgd_dlr, apgd_exact, deepfool"],
    ),
    ("also", None, "", ["an empty value", "must be a list"]),
    ("dataset", "cifar", "", ["'cifar'", "mnist, fashion_mnist, cifar10, digits"]),
    ("split.train", 0, "", ["0 is not", "at least 1"]),
    ("colour", "red", "(top level)", ["'colour'", "title, studies, uses, dataset"]),
    ("runs", None, "", ["an empty value", "must be a mapping"]),
    ("runs.one", None, "", ["an empty value", "must be a mapping"]),
    ("runs.Upper", RUN, "runs", ["'Upper'", NO_FORM, "lower-case"]),
    ("runs.one.lr", 0.1, "runs.one", ["'lr'", "network, initial_weights, dtype, optimizer"]),
    ("runs.one.network", MISSING, "runs.one", ["'network' is missing"]),
    ("runs.one.network", "mlp-200-300", "", ["'mlp-200-300'", "must be a mapping"]),
    ("runs.one.dtype", "float23", "", ["'float23'", "allowed are float32, float64"]),
    ("runs.one.epochs", [3, 1], "", ["[3, 1]", "must ascend"]),
    ("runs.one.epochs", [3, 3], "", ["[3, 3]", "twice"]),
    ("runs.one.epochs", [1.0, 3], "runs.one.epochs.0", ["1.0", "must be a whole number"]),
    ("runs.one.epochs", [0, 3], "runs.one.epochs.0", ["0 is not", "at least 1"]),
    ("runs.one.seeds", [2, 2], "", ["[2, 2]", "twice"]),
    ("runs.one.seeds", [True], "runs.one.seeds.0", ["True", "must be a whole number"]),
    ("runs.one.learning_rate", -1, "", ["-1", "greater than 0"]),
    ("runs.one.learning_rate", float("nan"), "", ["nan", "finite number"]),
    ("runs.one.learning_rate", float("inf"), "", ["inf", "finite number"]),
    ("runs.one.learning_rate", "1e-3", "", ["'1e-3'", "number or a mapping", "0.001 or 1.0e-3"]),
    ("runs.one.learning_rate", {"initial": 1}, "", ["'decay_epochs' is missing"]),
    ("runs.one.l2", -0.1, "", ["-0.1", "at least 0"]),
    (
        *("runs.one.initial_weights", {"name": "zeros"}, "runs.one.initial_weights.name"),
        ["'zeros'", "glorot_uniform, normal"],
    ),
    (
        *("runs.tuned.initial_weights", {"name": "normal", "deviation": 1.0}, ""),
        ["begins with the weights of run 'one'", "leave it out"],
    ),
    ("runs.one.optimizer", "adam", "", ["'adam'", "mapping"]),
    ("runs.one.optimizer", {}, "", ["'name' is missing", "adam, sgd, rmsprop"]),
    ("runs.one.optimizer.name", "lion", "", ["'lion'", "allowed are adam, sgd"]),
    ("runs.one.optimizer.momentum", 0.9, "runs.one.optimizer", ["'momentum'", "beta_1, beta_2"]),
    ("runs.one.objective", {"name": "trades"}, "runs.one.objective.name", ["'trades'", "fgsm_mix"]),
    (
        "runs.one.objective",
        {"name": "fgsm_mixed", "clean_weight": 0.9},
        "",
        ["'epsilon' is missing"],
    ),
    (
        "runs.one.objective",
        {"name": "fgsm_mixed", "clean_weight": 2, "epsilon": "0.1"},
        "runs.one.objective.clean_weight",
        ["2 is not", "at most 1"],
    ),
    ("attacks.fgsm.method", "cw", "", ["'cw'", "allowed are apgd, apgd_dlr, deepfool, fgsm"]),
    ("attacks.fgsm.method", MISSING, "attacks.fgsm", ["'method' is missing"]),
    ("attacks.fgsm.gradient", MISSING, "attacks.fgsm", ["'gradient' is missing"]),
    ("attacks.fgsm.gradient", "slope", "", ["'slope'", "cross_entropy_sum"]),
    (
        "attacks.fgsm.steps",
        3,
        "attacks.fgsm",
        ["unknown key 'steps'", "allowed are method, gradient, clip, fill_zeros"],
    ),
    ("attacks.fgsm.speed", 3, "attacks.fgsm", ["unknown key 'speed'"]),
    ("attacks.deepfool.gradient", "exact_sign", "attacks.deepfool", ["unknown key 'gradient'"]),
    ("attacks.deepfool.candidates", 1, "", ["1 is not", "at least 2"]),
    ("attacks.adaptive.adaptive", 1, "", ["1 is not", "true or false"]),
    ("also.1.epsilons", MISSING, "also.1", ["attack 'pgd' (pgd) needs an epsilon"]),
    ("also.2.epsilons", ["0.1"], "also.2", ["'deepfool'", "takes no epsilons"]),
    ("runs.one.images.deepfool", 0, "", ["0 is not", "at least 1"]),
    ("also.2.defence.1", "blur", "also.2.defence", ["no defence 'blur'", "smooth"]),
    ("also.2.defence", [], "", ["[]", "at least 1"]),
    ("defences.smooth.sigma", 0, "", ["0 is not", "greater than 0"]),
    ("defences.smooth.method", "blur", "", ["'blur'", "gaussian_smoothing, high_pass"]),
    ("defences.smooth", {"method": "bit_depth", "bits": 0}, "defences.smooth.bits", ["at least 1"]),
    ("defences.smooth.cutoff", 1, "defences.smooth", ["unknown key 'cutoff'"]),
    ("defences.bare", {"method": "high_pass", "cutoff": 1}, "", ["stands for no defence"]),
    ("probes.certified.images", 451, "", ["451 is more than the 450 test images"]),
    ("probes.accuracy", {"method": "linearity"}, "", ["every checkpoint has a measure of this"]),
    ("probes.certified.method", "bound", "", ["'bound'", "bounds, contiguity"]),
    ("also.3.measure", "certifed", "", ["no measure 'certifed'", "certified"]),
    ("attacks.fgsm.checkpoints", "first", "", ["'first'", "all, last"]),
    ("max_seeds", 0, "", ["0 is not", "at least 1"]),
    ("max_images", 0, "", ["0 is not", "at least 1"]),
    ("runs.one.split", {"train": 5}, "", ["'validation' is missing"]),
    ("runs.tuned.start.run", "two", "", ["no run 'two'", "one, other"]),
    ("runs.tuned.start.epoch", 2, "", ["run 'one' has no checkpoint of 2", "it has 1, 3"]),
    ("runs.tuned.seeds", [1, 5], "", ["run 'one', from which it starts", "seeds [5]"]),
    (
        "runs.tuned.network.hidden",
        [3],
        "runs.tuned.network",
        ["[3]", "not that of run 'one'", "[16]"],
    ),
    ("runs.tuned.dtype", "float64", "", ["'float64' is not that of run 'one'", "'float32'"]),
    ("runs.tuned.split", {"train": 109, "validation": 9}, "", ["is not that of run 'one'"]),
    ("runs.tuned.start", MISSING, "runs.tuned", ["with perturbed_by, 'start' is missing"]),
    ("runs.tuned.perturbed_by.attack", "cw", "", ["no attack 'cw'"]),
    ("runs.tuned.perturbed_by.attack", "fgsm", "runs.tuned.perturbed_by", ["needs an epsilon"]),
    ("runs.tuned.perturbed_by.epsilon", "0.1", "runs.tuned.perturbed_by", ["takes no epsilon"]),
    (
        "runs.tuned.perturbed_by",
        {"attack": "transfer", "epsilon": "0.1"},
        "",
        ["attack 'transfer' has 'source'"],
    ),
    (
        "runs.tuned.perturbed_by",
        {"attack": "adaptive", "epsilon": "0.1"},
        "",
        ["attack 'adaptive' has 'adaptive'"],
    ),
    ("runs.one.network.name", "resnet", "", ["'resnet'", "allowed are mlp, cnn, lenet, rbf"]),
    ("runs.one.network.hidden", MISSING, "runs.one.network", ["'hidden' is missing"]),
    ("runs.one.network.hidden.0", 0, "", ["0 is not", "at least 1"]),
    ("runs.one.network.hidden.0", 16.0, "", ["16.0", "whole number"]),
    (
        *("runs.other.network", {"name": "rbf", "units": 101, "width": 5.0}),
        *("runs.other.network.units", ["101 is more than the 100 training images"]),
    ),
    ("runs.other.network.pool", 3, "", ["3 does not divide 28"]),
    ("runs.one.network.dense", 3, "runs.one.network", ["unknown key 'dense'", "name, hidden"]),
    ("runs.one.network", {**CNN, "filters": []}, "runs.one.network.filters", ["at least 1"]),
    ("runs.one.network", {**CNN, "dropout": 1}, "runs.one.network.dropout", ["less than 1"]),
    ("runs.one.objective", {"name": "pgd", "epsilon": "0.1"}, "", ["'steps', 'relative_step' are"]),
    ("figures.values.select.0.x", MISSING, "figures.values.select.0", ["needs x"]),
    ("figures.values.select.0.defence", "blur", "", ["no defence 'blur'"]),
    ("figures.restarts.select.0.epsilons", MISSING, "figures.restarts.select.0", ["epsilons as"]),
    ("figures.restarts.select.0.epochs", [1, 3], "", ["[1, 3]", "takes one"]),
    ("figures.restarts.select.0.attack", "fgsm", "", ["only PGD has restarts"]),
    ("figures.restarts.select.0.defence", "smooth", "", ["shows the bare network"]),
    ("attacks.pgd.source", "other", "figures.restarts.select.0.attack", ["'source'"]),
    ("tables.summary", {**TEXT, "rows": [{**CELL}], "columns": [{**CELL}]}, "", ["of this name"]),
    ("tables.cells.rows", [], "", ["[]", "at least 1"]),
    ("tables.cells.rows.0.label", MISSING, "tables.cells.rows.0", ["'label' is missing"]),
    ("tables.cells.rows.0.label", "b", "tables.cells.rows", ["label 'b' stands there twice"]),
    ("tables.cells.rows.0.colour", 1, "tables.cells.rows.0", ["unknown key 'colour'"]),
    ("tables.cells.rows.0.run", "two", "", ["no run 'two'"]),
    ("tables.cells.columns.0.epoch", 2, "tables.cells: cell (a, c)", ["no checkpoint of 2"]),
    ("tables.cells.columns.0.attack", "cw", "", ["no attack 'cw'"]),
    ("tables.cells.columns.0.defence", "blur", "", ["no defence 'blur'"]),
    ("tables.cells.columns.0.epsilon", MISSING, "tables.cells: cell (a, c)", ["0.05, 0.1, 0.2"]),
    ("tables.cells.columns.0.value", MISSING, "tables.cells: cell (a, c)", ["value missing"]),
    ("tables.cells.columns.0.value", "speed", "", ["'speed'", "rho_l2"]),
    ("tables.cells.columns.1.epsilon_where.accuracy", 2, "", ["2 is not", "at most 1"]),
    (
        "tables.cells.columns.1.epsilon_where.attack",
        "deepfool",
        "tables.cells: cell (a, d)",
        ["needs an attack that takes epsilons"],
    ),
    ("attacks.pgd.steps", 0, "", ["0 is not", "at least 1"]),
    ("attacks.pgd.clip", [0], "", ["[0]", "at least 2"]),
    ("attacks.pgd.clip", [0.4, 1], "attacks.pgd.clip.0", ["0.4", "at most 0", "of pixels"]),
    (
        "attacks.fgsm.clip",
        [0, 0.6],
        "attacks.fgsm.clip.1",
        ["0.6", "at least 1", "of pixels"],
    ),
    ("attacks.deepfool.clip", [0, 255], "attacks.deepfool.clip.1", ["255", "at most 2"]),
    ("attacks.pgd.clip", [-255, 1], "attacks.pgd.clip.0", ["-255", "at least -1"]),
    ("attacks.pgd.clip", [0, 1, 2], "", ["at most 2 of them"]),
    ("attacks.pgd.clip", None, "", ["an empty value", "a list"]),
    ("attacks.jsma", {"method": "jsma", "target": "least-likely"}, "attacks.jsma.target", LIKELY),
    ("attacks.jsma", {"method": "jsma", "target": "runner_up"}, "attacks.jsma.target", ["next"]),
    ("attacks.jsma", {"method": "jsma", "theta": 0}, "attacks.jsma.theta", ["it must not be 0"]),
    ("attacks.jsma", {"method": "jsma", "theta": 8}, "attacks.jsma.theta", ["at most 1"]),
    ("attacks.lbfgs", {"method": "lbfgs", "target": "next"}, "attacks.lbfgs.target", LIKELY),
    ("attacks.noise", {"method": "noise", "source": "one"}, "attacks.noise", ["'source'"]),
    ("attacks.pgd.steps", 10**20, "", ["at most 1000000"]),
    ("attacks.pgd.relative_step", 2.5, "", ["at most 2"]),
    ("attacks.fgsm.method", "FGSM", "", ["'FGSM'", "allowed are apgd, apgd_dlr, deepfool, fgsm"]),
    ("runs.one.learning_rate", 10**400, "", ["finite number"]),
    ("runs.one.epochs", [10**20], "runs.one.epochs.0", ["at most 1000000"]),
    ("runs.one.batch_size", 101, "", ["101 is more than the 100 training images"]),
    ("runs.one.split", {"train": 9, "validation": 1, "seed": -1}, "runs.one.split.seed", ["-1"]),
    ("split.validation", 1300, "split", ["make 1400 images", "digits has 1347"]),
    ("runs.other.split", {"train": 1347, "validation": 1}, "", ["make 1348", "1347 training"]),
    ("runs.one.images.deepfool", 451, "runs.one.images", ["451 is more than the 450 of split"]),
    (
        "runs.one.images",
        {"deepfool": 451, "pgd": 2},
        "",
        ["451 is more than the 450 of split 'test' of run 'one'"],
    ),
    ("folder", "reference", "", ["results/reference", "kept with the code", "another name"]),
    ("folder", "mnist", "", ["the name of another data set", "digits"]),
    ("folder", "n" * 101, "", ["at most 100 characters"]),
    ("runs", {"n" * 101: RUN}, "runs", ["at most 100 characters"]),
    ("folder", False, "", ["text in quotes", "on, off, yes and no"]),
    ("folder", datetime.date(2020, 1, 2), "", ["2020-01-02 is not allowed", "text in quotes"]),
    ("also.0.epsilons.1", "8", "", [*LARGE, "8/255", "than 1 in L-infinity"]),
    ("also.1.epsilons.2", "1.01", "", [*LARGE, "than 1 in L-infinity"]),
    ("also.0.epsilons.1", "0." + "1" * 30, "", ["at most 20 characters"]),
    ("runs.other.objective", {**MIXED, "epsilon": "8"}, "runs.other.objective.epsilon", LARGE),
    ("runs.other.objective", {**PGD, "epsilon": "2"}, "runs.other.objective.epsilon", LARGE),
    (
        "runs.tuned.perturbed_by",
        {"attack": "fgsm", "epsilon": "25.5"},
        "runs.tuned.perturbed_by.epsilon",
        LARGE,
    ),
    ("figures.digits.select.0.epsilons", ["8"], "figures.digits.select.0.epsilons.0", LARGE),
    ("figures.restarts.select.0.epsilons", ["8"], "figures.restarts.select.0.epsilons.0", LARGE),
    ("figures.lines.select.0.epsilons", ["8"], "figures.lines.select.0.epsilons.0", LARGE),
    ("figures.values.x_label", MISSING, "figures.values", ["needs x_label"]),
    ("figures.values.select.0.epochs", [1, 3], "figures.values.select.0.epochs", ["takes one"]),
    ("figures.lines.label", {True: {1: None}}, "", ["the key True", "a key is text"]),
    ("runs.one.split", {"train": 100, "validation": 10, None: 1}, "", ["the key an empty value"]),
    ("figures.lines.colours", {"<a>": 3}, "figures.lines.colours.<a>", ["3 is", "text in quotes"]),
    ("figures.lines.colours", {"a": "bleu"}, "figures.lines.colours.a", ["'bleu' is no colour"]),
    ("figures.lines.colours", {"a": "#12"}, "figures.lines.colours.a", ["'#12' is no colour"]),
    ("figures.digits.y", "success", "figures.digits", ["pictures does not take y; it takes plot"]),
    ("figures.restarts.log_x", True, "figures.restarts", ["does not take log_x"]),
    ("figures.lines.select.0.x", 1, "figures.lines.select.0", ["does not take x; its series take"]),
    ("figures.digits.select.0.clean", True, "figures.digits.select.0", ["does not take clean"]),
    (
        "figures.lines.y",
        "iterations",
        "figures.lines.select.0",
        ["'fgsm' (fgsm) has no iterations"],
    ),
    ("figures.lines.select.0.attack", MISSING, "figures.lines.select.0", ["attack is missing"]),
    ("tables.cells.columns.2.value", "zero_share", "tables.cells: cell (a, e)", ["has no zero_sh"]),
    (
        "tables.cells.columns.2.gradient",
        "exact_sign",
        "tables.cells: cell (a, e)",
        ["stand togeth"],
    ),
    ("also.0.gradient", "exact_sign", "also.0", ["'transfer'] and gradient 'exact_sign' stand"]),
    ("also.1.attack", MISSING, "also.1", ["'attack', 'gradient' or 'measure' is missing"]),
    ("also.0.gradient", "hinge", "also.0.gradient", ["'hinge'", "allowed are cross_entropy_sum"]),
    ("tables.cells.columns.0.value", "iterations", "tables.cells: cell (a, c)", ["has no iterat"]),
    ("tables.cells.columns.2.value", "epsilon", "tables.cells: cell (a, e)", ["has no epsilon"]),
    ("defences.smooth.sigma", 29, "", ["29 is not", "at most 28"]),
    ("attacks.transfer.source", "two", "", ["no run 'two'", "one, other"]),
    ("studies", ["hoa"], "", ["no study 'hoa'", "alzantot, audit, defences, hao, hao_cnn"]),
    ("also.0.epsilons", "big", "", ["no grid 'big'", "there are coarse, fine"]),
    ("summary.columns.0.attack", "cw", "", ["no attack 'cw'", "pgd", "transfer"]),
    ("summary.runs", ["two"], "", ["no run 'two'"]),
    ("figures.lines.plot", "pie", "", ["'pie'", "lines, pictures, restarts"]),
    ("figures.lines.y", "speed", "", ["'speed'", "allowed are loss, spectral_norm, accuracy"]),
    ("figures.lines.y", ["speed"], "figures.lines.y.0", ["'speed'", "allowed are accuracy"]),
    ("figures.lines.select", [], "", ["[]", "at least 1"]),
    ("figures.lines.select.0.run", "two", "", ["no run 'two'", "one, other"]),
    ("figures.lines.select.0.epochs", [2], "", ["run 'one'", "[2]", "it has 1, 3"]),
    ("figures.digits.select.0.epsilons", MISSING, "figures.digits.select.0", ["needs epsilons"]),
    ("figures.digits.select.0.epochs", [1, 3], "", ["[1, 3]", "takes one"]),
    ("figures.digits.select.0.attack", "transfer", "", ["no attack with 'source'"]),
    ("figures.digits.select.0.attack", "adaptive", "", ["no attack with 'adaptive'"]),
    ("figures.digits.select.0.attack", "deepfool", "figures.digits.select.0", ["takes no epsilon"]),
    ("figures.digits.select.0.epsilons", ["0.1", "0.2"], "", ["takes one"]),
]


@pytest.mark.parametrize(("path", "value", "where", "told"), SPOILED)
def test_a_fault_is_told_with_its_key_its_value_and_what_is_allowed(
    given_config, path, value, where, told
):
    put(given_config, path, value)
    lines = faults(given_config)
    assert any(
        line.startswith(f"{where or path}: ") and all(part in line for part in told)
        for line in lines
    ), lines
    assert len(lines) == 1  # one fault, one line


@pytest.mark.parametrize("clip", [[0, 1], [0.0, 1.0], [-0.5, 1.5], [-1, 2], [0, 1.5]])
def test_a_clip_that_holds_the_range_of_pixels_is_accepted(given_config, clip):
    put(given_config, "attacks.pgd.clip", clip)
    assert config.read(given_config, WORKFLOW)


@pytest.mark.parametrize(
    ("attack", "dataset", "epsilon", "most"),
    [
        ({"method": "fgsm", "gradient": "exact_sign"}, "digits", "1", None),
        ({"method": "matched_noise", "gradient": "exact_sign"}, "digits", "1.5", "L-infinity"),
        ({"method": "pgd", "gradient": "exact_sign", "norm": "l2"}, "digits", "28", None),
        ({"method": "pgd", "gradient": "exact_sign", "norm": "l2"}, "digits", "28.1", "28.0 in L2"),
        ({"method": "pgd", "gradient": "exact_sign", "norm": "l2"}, "cifar10", "55", None),
        ({"method": "noise"}, "digits", "1.5", None),
        ({"method": "noise"}, "digits", "8", "standard deviation of more than 2"),
    ],
)
def test_the_largest_epsilon_is_that_of_the_attack_s_norm(
    given_config, attack, dataset, epsilon, most
):
    given_config |= {"dataset": dataset, "data_folder": "somewhere"}
    put(given_config, "attacks.mine", attack)
    entry = {"run": "one", "attack": "mine", "epsilons": ["0.1", epsilon]}
    put(given_config, "also.3", entry)
    if most is None:
        assert config.read(given_config, WORKFLOW)
    else:
        (line,) = faults(given_config)
        assert line.startswith("also.3.epsilons.1: ")
        assert most in line


def test_where_no_image_validates_nothing_may_be_measured_or_shown_of_them(given_config):
    given_config["runs"]["other"]["split"] = {"train": 100, "validation": 0}
    assert config.read(copy.deepcopy(given_config), WORKFLOW)
    entry = {"run": "other", "attack": "deepfool", "split": "validation"}
    (line,) = faults({**given_config, "also": [*given_config["also"], entry]})
    assert line.startswith("runs.other.split.validation: 0, but something is measured")
    for select in ({"plot": "lines", "y": "loss"}, {"plot": "pictures", "show": "digits"}):
        split = {"split": "validation"} if "show" in select else {}
        given_config["figures"]["losses"] = {
            **{**TEXT, **select, "select": {"run": "other", **split}, "label": "a"}
        }
        (line,) = faults(given_config)
        assert line.startswith("figures.losses.select: run 'other' has no validation images")


def test_all_images_there_are_may_be_asked_for(given_config):
    given_config |= {"split": {"train": 1000, "validation": 347}}
    put(given_config, "runs.one.images.deepfool", 450)
    put(given_config, "runs.one.batch_size", 1000)
    assert config.read(given_config, WORKFLOW)


def test_max_images_brings_a_number_below_that_of_the_split_or_asks_for_none(given_config):
    """config/tour.yaml lays smaller data and max_images over config.yaml."""
    put(given_config, "runs.one.images.deepfool", 5000)
    assert "runs.one.images: 5000 is more" in faults(given_config)[0]
    assert "runs.one.images: 451 is more" in faults({**given_config, "max_images": 451})[0]
    study = config.read({**given_config, "max_images": 200}, WORKFLOW)
    assert {one.images for one in study.evaluations} == {200}
    del given_config["runs"]["one"]["images"]
    assert config.read({**given_config, "max_images": 5000}, WORKFLOW)


def test_the_folder_of_the_data_set_itself_may_be_named(given_config):
    for folder in ("digits", "reference-2", "mine"):
        assert config.read({**given_config, "folder": folder}, WORKFLOW)


def test_all_faults_are_told_at_once(given_config):
    put(given_config, "runs.one.dtype", "float16")
    put(given_config, "runs.other.learning_rate", -1)
    put(given_config, "attacks.pgd", {"method": "pgd", "gradient": "sign", "steps": 0, "speed": 1})
    lines = faults(given_config)
    assert len(lines) == 5  # three of them about the attack
    assert lines[-2:] == [
        "runs.one.dtype: 'float16' is not allowed; allowed are float32, float64 (Floating-point "
        "type of weights and arithmetic in training)",
        "runs.other.learning_rate: -1 is not allowed; it must be greater than 0 (A constant, or "
        "{initial, decay_epochs} for initial / (epochs done / decay_epochs + 1))",
    ]


def test_names_that_stand_for_nothing_are_all_told(given_config):
    put(given_config, "also.0.run", "two")
    put(given_config, "attacks.transfer.source", "three")
    put(given_config, "summary.columns.0.attack", "cw")
    assert len(faults(given_config)) == 3


@pytest.mark.parametrize(("key", "value"), [("seeds", [1, 2, 3]), ("epochs", [1, 2, 3])])
def test_a_transfer_source_must_have_the_seeds_and_epochs_of_its_target(given_config, key, value):
    put(given_config, f"runs.one.{key}", value)
    (line,) = faults(given_config)
    assert line.startswith("also.0: attack 'transfer' on run 'one'")
    assert f"run 'other', which lacks the {key} [{({'seeds': 3, 'epochs': 2})[key]}]" in line


def test_a_transfer_source_may_have_more_seeds_and_epochs_than_its_target(given_config):
    put(given_config, "runs.other.seeds", [3, 2, 1])
    put(given_config, "runs.other.epochs", [1, 2, 3, 4])
    assert config.read(given_config, WORKFLOW)


def test_runs_that_start_from_one_another_in_a_circle_are_told(given_config):
    for name, start in (("one", "other"), ("other", "one")):
        given_config["runs"][name]["start"] = {"run": start, "epoch": 3}
    lines = faults(given_config)
    assert "runs.one.start: a circle, one from other from one" in lines
    assert all("a circle" in line for line in lines)


def test_a_run_that_starts_from_itself_is_told(given_config):
    put(given_config, "runs.other.start", {"run": "other", "epoch": 1})
    (line,) = faults(given_config)
    assert line == "runs.other.start: a circle, other from other"


DISTILLED = {"name": "distilled", "temperature": 20.0}


def test_a_teacher_is_a_checkpoint_of_another_run_and_of_distilled_alone(given_config):
    run = {**copy.deepcopy(RUN), "objective": DISTILLED, "teacher": {"run": "one", "epoch": 3}}

    def told(**changes):
        return faults({**given_config, "runs": {**given_config["runs"], "student": run | changes}})

    study = config.read(given_config | {"runs": {**given_config["runs"], "student": run}}, WORKFLOW)
    assert study.runs["student"]["teacher"] == {"run": "one", "epoch": 3}
    assert told(objective={"name": "parseval", "beta": 0.1}) == [
        "runs.student: the objective distilled needs a 'teacher', and no other takes one"
    ]
    assert told(teacher={"run": "two", "epoch": 3})[0].startswith(
        "runs.student.teacher.run: there is no run 'two'"
    )
    assert told(teacher={"run": "one", "epoch": 2}) == [
        "runs.student.teacher.epoch: run 'one' has no checkpoint of 2; it has 1, 3"
    ]
    assert told(seeds=[1, 5]) == [
        "runs.student.seeds: run 'one', from which it learns, lacks the seeds [5]"
    ]
    assert told(teacher={"run": "student", "epoch": 3}) == [
        "runs.student.teacher: a circle, student from student"
    ]
    del run["teacher"]
    assert "needs a 'teacher'" in told()[0]


def test_a_run_may_start_from_one_that_starts_from_another(given_config):
    put(given_config, "runs.other.start", {"run": "tuned", "epoch": 1})
    assert config.read(given_config, WORKFLOW)


def test_a_figure_of_digits_takes_one_series(given_config):
    shown = {**TEXT, "plot": "pictures", "show": "digits", "select": {"run": ["one", "other"]}}
    put(given_config, "figures.digits", shown)
    assert faults(given_config) == ["figures.digits.select: a figure of digits takes one series"]


def test_a_minimal_attack_may_be_shown_without_an_epsilon(given_config):
    put(given_config, "figures.digits.select.0.epsilons", MISSING)
    put(given_config, "figures.digits.select.0.attack", "deepfool")
    assert config.read(given_config, WORKFLOW)


def test_cifar10_needs_a_folder_from_the_configuration_or_from_elsewhere(given_config):
    put(given_config, "dataset", "cifar10")
    (line,) = faults(given_config)
    assert line.startswith("dataset: cifar10 is not downloaded")
    assert all(part in line for part in ("data_batch_1.bin", "data_folder", "MNIST_DIR"))
    assert config.read(given_config, WORKFLOW, folder="somewhere")
    assert config.read({**given_config, "data_folder": "somewhere"}, WORKFLOW)


@pytest.mark.parametrize("text", ["", "- 1", "hello", "3", "null", "[[1, 2]]"])
def test_a_file_that_is_no_mapping_is_told(text):
    (line,) = faults(yaml.safe_load(text))
    assert "it must be a mapping of keys to values" in line


@pytest.mark.parametrize("section", sorted(QUICK))
@pytest.mark.parametrize("value", [None, "", 0, [None], {1: None}, {None: {}}, [[]]])
def test_a_section_of_the_wrong_kind_is_told(section, value):
    assert all(line.startswith(section) for line in faults({**QUICK, section: value}))


def places(value, path=()):
    """The paths of everything in nested dicts and lists."""
    items = {dict: dict.items, list: enumerate}.get(type(value), lambda _: ())(value)
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 200)
    | st.just(10**400)
    | st.floats()
    | st.dates()
    | st.sampled_from(["", "0", "0.1", "-0.1", "float32", "fgsm", "mlp-3", "test", "é\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "run", "method", "epsilon", "colour", 1, None, True]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@st.composite
def changed_configurations(draw):
    """config/quick.yaml with one to three values deleted, replaced, inserted or renamed."""
    changed = copy.deepcopy(QUICK)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(changed))))
        place = changed
        for key in above:
            place = place[key]
        change = draw(st.sampled_from(["delete", "replace", "insert", "rename"]))
        if change == "delete":
            del place[last]
        elif change == "replace":
            place[last] = draw(ANYTHING)
        elif isinstance(place, list):
            place.insert(last, draw(ANYTHING))
        elif change == "insert":
            place[draw(st.sampled_from(["name", "colour", "epsilon", 1]))] = draw(ANYTHING)
        else:
            place["renamed"] = place.pop(last)
    return changed


def named(value, line):
    """Whether a line begins with the path of something in a configuration, and says more of it."""
    items = {dict: dict.items, list: enumerate}.get(type(value), lambda _: ())(value)
    return any(
        line.startswith(f"{key}: ")
        or (line.startswith(f"{key}.") and named(inner, line.removeprefix(f"{key}.")))
        for key, inner in items
    )


@pytest.mark.parametrize("examples", [25, pytest.param(250, marks=pytest.mark.thorough)])
def test_whatever_is_changed_is_accepted_or_told_with_its_key(examples):
    settings(max_examples=examples, deadline=None)(
        given(changed_configurations())(accept_or_tell)
    )()


def accept_or_tell(changed):
    try:
        config.read(changed, WORKFLOW)
    except config.ConfigError:
        for line in faults(changed):
            # The second is a default that what was written does not agree with.
            beside = ("(top level): ", "runs.float32.batch_size: 100 is more than")
            assert line.startswith(beside) or named(changed, line), line


def test_an_unknown_published_series_is_told_before_anything_is_trained():
    quick = copy.deepcopy(QUICK)
    quick["figures"]["masking"]["select"][0]["published"] = "yue2017-fig99"
    with pytest.raises(config.ConfigError, match=r"select\.0\.published: .*fig99.*there are one"):
        config.read(quick, WORKFLOW, {"one": []})
