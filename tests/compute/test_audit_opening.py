"""Models of every version of Keras, opened; and what is refused, in a sentence."""

import json

import h5py
import keras
import models_of_others
import numpy as np
import pytest
import tensorflow as tf

from mirage.auditing.errors import AuditError
from mirage.auditing.opening import open_model

layers = keras.layers
IMAGES = np.random.default_rng(0).uniform(size=(5, 6, 6, 1)).astype(np.float32)


def network():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", name="c"),
            layers.BatchNormalization(name="b"),
            layers.Flatten(name="f"),
            layers.Dense(4, activation="softmax", name="d"),
        ],
        name="small",
    )


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = network()
    for _ in range(3):
        made(3 * IMAGES + 1, training=True)
    return made


# What Keras 2.1 wrote of the same model: a list, without an input.
OLD = [
    {
        "class_name": "Conv2D",
        "config": {
            "name": "c",
            "batch_input_shape": [None, 6, 6, 1],
            "filters": 3,
            "kernel_size": [3, 3],
            "activation": "relu",
            "kernel_initializer": {"class_name": "VarianceScaling", "config": {"seed": None}},
            "kernel_regularizer": None,
        },
    },
    {"class_name": "BatchNormalizationV1", "config": {"name": "b", "axis": [3], "fused": None}},
    {"class_name": "Flatten", "config": {"name": "f"}},
    {"class_name": "Dense", "config": {"name": "d", "units": 4, "activation": "softmax_v2"}},
]


def old_file(path, model, config=None):
    """A file in the layout of Keras 2: whole, or weights alone."""
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            place = group.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            place.attrs["weight_names"] = [f"{layer.name}/{w.name}:0".encode() for w in weights]
            for weight in weights:
                place[f"{layer.name}/{weight.name}:0"] = weight.numpy()
    return path


def python_file(folder, body):
    path = folder / "mine.py"
    path.write_text(f"import keras\n{body}\n")
    return path


def same(found, model):
    np.testing.assert_allclose(found(IMAGES), model(IMAGES), rtol=1e-6)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_what_keras_3_saved(name, model, tmp_path):
    model.save(tmp_path / name)
    same(open_model(tmp_path / name), model)


def test_a_whole_model_of_keras_2(model, tmp_path):
    config = {"class_name": "Sequential", "config": OLD}
    same(open_model(old_file(tmp_path / "old.h5", model, config)), model)


def test_a_model_of_tensorflow_1_that_begins_with_flatten(tmp_path):
    model = keras.Sequential([keras.Input((6, 6)), layers.Flatten(), layers.Dense(4, name="d")])
    parts = [
        {"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [None, 6, 6]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 4, "dtype": "float32"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": parts}}
    found = open_model(old_file(tmp_path / "old.h5", model, config))
    np.testing.assert_array_equal(found(IMAGES[..., 0]), model(IMAGES[..., 0]))


def test_a_model_within_a_functional_one_of_keras_2(tmp_path):
    inner = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4, name="d")])
    pixels = keras.Input((6, 6, 1), name="i")
    model = keras.Model(pixels, layers.Dense(3, name="e")(inner(pixels)))
    inside = [
        {"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [None, 6, 6, 1]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 4}},
    ]
    start = {"name": "i", "batch_input_shape": [None, 6, 6, 1], "sparse": False}
    nodes = {"i": [], inner.name: [[["i", 0, 0, {}]]], "e": [[[inner.name, 1, 0, {}]]]}
    parts = [
        {"class_name": "InputLayer", "name": "i", "config": start},
        {"class_name": "Sequential", "name": inner.name, "config": {"name": "s", "layers": inside}},
        {"class_name": "Dense", "name": "e", "config": {"name": "e", "units": 3}},
    ]
    for one in parts:
        one["inbound_nodes"] = nodes[one["name"]]
    config = {"name": "m", "layers": parts}
    config |= {"input_layers": [["i", 0, 0]], "output_layers": [["e", 0, 0]]}
    path = old_file(tmp_path / "o.h5", model, {"class_name": "Model", "config": config})
    same(open_model(path), model)


def test_a_folder_that_keras_2_saved(tmp_path):
    """Its configuration stands beside the graph, its weights in a checkpoint."""
    model = keras.Sequential([keras.Input((6, 6)), layers.Flatten(), layers.Dense(4)])
    root, dense = tf.Module(), tf.Module()
    dense.kernel, dense.bias = (tf.Variable(one) for one in model.get_weights())
    setattr(root, "layer_with_weights-0", dense)
    tf.saved_model.save(root, str(tmp_path))
    with pytest.raises(AuditError, match=r"graph without Keras layers.*Give the model as"):
        open_model(tmp_path)
    parts = [
        {"class_name": "Flatten", "config": {"name": "f", "batch_input_shape": [None, 6, 6]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 4}},
    ]
    whole = {"class_name": "Sequential", "config": {"name": "s", "layers": parts}}
    metadata = b"\n\xf8/\x1a\x04root*\xd3/" + json.dumps(whole).encode() + b"\x12\x02"
    (tmp_path / "keras_metadata.pb").write_bytes(metadata)
    code = python_file(
        tmp_path,
        "from keras.layers import Dense, Flatten\ndef dense(): "
        "return keras.Sequential([keras.Input((6, 6)), Flatten(), Dense(4)])",
    )
    for given in (None, f"{code}:dense"):
        found = open_model(tmp_path, given)
        np.testing.assert_array_equal(found(IMAGES[..., 0]), model(IMAGES[..., 0]))
    (tmp_path / "variables/variables.index").write_bytes(b"")
    with pytest.raises(AuditError, match="not all weights"):
        open_model(tmp_path)


def test_weights_with_an_architecture(model, tmp_path):
    old = old_file(tmp_path / "old.h5", model)
    new = tmp_path / "new.weights.h5"
    model.save_weights(new)
    code = python_file(tmp_path, "def small(): return keras.models.model_from_json(open(P).read())")
    (tmp_path / "keras3.json").write_text(model.to_json())
    code.write_text(f"P = {str(tmp_path / 'keras3.json')!r}\n{code.read_text()}")
    (tmp_path / "keras2.json").write_text(json.dumps({"class_name": "Sequential", "config": OLD}))
    for path in (old, new):
        with pytest.raises(AuditError, match=r"weights only.*Give --architecture FILE.py:FUNC"):
            open_model(path)
        for given in (f"{code}:small", tmp_path / "keras3.json", tmp_path / "keras2.json"):
            same(open_model(path, given), model)


def test_a_function_in_place_of_a_file(model, tmp_path, monkeypatch):
    model.save(tmp_path / "model.keras")
    body = f"def whole(): return keras.models.load_model({str(tmp_path / 'model.keras')!r})"
    path = python_file(tmp_path, body)
    monkeypatch.syspath_prepend(tmp_path)
    for given in (f"{path}:whole", "mine:whole"):
        same(open_model(given), model)
    for given in (f"{path}:nothing", f"{tmp_path}/none.py:whole", "no_module_of_this_name:whole"):
        with pytest.raises(AuditError, match=r"cannot be run.*FILE\.py:FUNCTION"):
            open_model(given)
    path.write_text("def whole(): return 7\n")
    with pytest.raises(AuditError, match="returns a int"):
        open_model(f"{path}:whole")


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_in_a_file_is_run_with_leave_only(name, tmp_path):
    odd = layers.Lambda(lambda values: 2 * values, name="odd", output_shape=(36,))
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), odd])
    model.save(tmp_path / name)
    with pytest.raises(AuditError, match=r"the Lambda layer 'odd'.*--allow-code"):
        open_model(tmp_path / name)
    same(open_model(tmp_path / name, allow_code=True), model)


def test_code_of_keras_2_is_never_run(model, tmp_path):
    odd = {"class_name": "Lambda", "config": {"name": "odd", "function": ["4wEAAAA", None, None]}}
    config = {"class_name": "Sequential", "config": [*OLD, odd]}
    path = old_file(tmp_path / "old.h5", model, config)
    for leave in (False, True):
        with pytest.raises(AuditError, match=r"the Lambda layer 'odd'.*--architecture"):
            open_model(path, allow_code=leave)
    (tmp_path / "plain.json").write_text(json.dumps({"class_name": "Sequential", "config": OLD}))
    same(open_model(path, tmp_path / "plain.json"), model)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_functional_model_is_no_code(name, tmp_path):
    pixels = keras.Input((6, 6, 1))
    one = layers.Flatten()(pixels)
    # Keras opens slices of a .keras file alone.
    other = one[:, ::2] if name.endswith("keras") else one
    model = keras.Model(pixels, layers.Add()([layers.Dense(4)(one), layers.Dense(4)(other)]))
    model.save(tmp_path / name)
    same(open_model(tmp_path / name), model)


class Own(layers.Layer):
    pass


def test_a_class_of_somebody_is_named(tmp_path):
    keras.Sequential([keras.Input((6, 6, 1)), Own(name="theirs")]).save(tmp_path / "own.keras")
    with pytest.raises(AuditError, match=r"Own of 'theirs'.*--architecture"):
        open_model(tmp_path / "own.keras")
    parts = "[keras.Input((6, 6, 1)), keras.layers.ReLU()]"
    code = python_file(tmp_path, f"def one(): return keras.Sequential({parts})")
    same(open_model(tmp_path / "own.keras", f"{code}:one"), lambda images: images)


def test_what_is_no_model(model, tmp_path):
    (tmp_path / "text.h5").write_text("no model")
    with open(tmp_path / "arrays.keras", "wb") as file:
        np.savez(file, a=np.zeros(3))
    (tmp_path / "folder").mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["table"] = np.zeros(3)
    whole = tmp_path / "whole.keras"
    model.save(whole)
    (tmp_path / "half.keras").write_bytes(whole.read_bytes()[:2000])
    for name, said in {
        "text.h5": "no Keras model",
        "none.keras": "no such file",
        "arrays.keras": "archive of something else",
        "half.keras": "no Keras model",
        "folder": "has no saved_model.pb",
        "other.h5": "an HDF5 file, but no Keras model",
    }.items():
        with pytest.raises(AuditError, match=said):
            open_model(tmp_path / name)
    # Weights of another architecture.
    old = old_file(tmp_path / "old.h5", model)
    other = python_file(
        tmp_path,
        "def few(): return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])\n"
        "def wide():\n"
        "    parts = [keras.layers.Dense(4), keras.layers.BatchNormalization()]\n"
        "    return keras.Sequential([keras.Input((3,)), *parts, keras.layers.Dense(2)])",
    )
    with pytest.raises(AuditError, match=r"weights of 3 layers, and the architecture has 1"):
        open_model(old, f"{other}:few")
    with pytest.raises(AuditError, match=r"have the shapes .* and the architecture asks for"):
        open_model(old, f"{other}:wide")


def test_weights_that_are_no_numbers(tmp_path):
    model = network()
    model.layers[0].kernel.assign(np.nan * model.layers[0].kernel)
    model.save(tmp_path / "nan.keras")
    with pytest.raises(AuditError, match="27 of the 27 weights 'c/kernel' are NaN"):
        open_model(tmp_path / "nan.keras")


@pytest.mark.thorough
@pytest.mark.parametrize("one", models_of_others.MODELS, ids=lambda one: one.file)
def test_models_that_others_published(one):
    models_of_others.needed()
    model = open_model(one.path, one.given)
    assert model.output_shape == (None, 10)
    if one.architecture:
        with pytest.raises(AuditError, match="weights only"):
            open_model(one.path)
