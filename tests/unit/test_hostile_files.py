"""Checkpoints and arrays that hold code: refused in words, and the code is not run.

A file named `pwned` is the sign that it was.
"""

import json
import os
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from architectures import mlp

from mirage.data import images
from mirage.models import checkpoints, networks


@pytest.fixture
def network():
    return networks.build(mlp(4), "float32", 1)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def with_config(source, target, change):
    """Copy a checkpoint, its architecture changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)


def refused(path, capsys, **options):
    """The checkpoint is refused in a sentence that names it, and none of its code has run."""
    with pytest.raises(networks.NetworkError) as error:
        checkpoints.load(path, **options)
    assert str(error.value).startswith(f"{path}: ")
    assert not Path("pwned").exists()
    return str(error.value)


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_of_code_is_refused(network, capsys, training):
    hostile = keras.Sequential(
        [keras.Input((784,)), keras.layers.Lambda(lambda x: (Path("pwned").touch(), x)[1])]
    )
    Path("pwned").unlink(missing_ok=True)  # building it calls it
    hostile.save("hostile.keras")
    refused("hostile.keras", capsys, training=training)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "exec"),
        ("subprocess", "Popen"),
        ("hostile_module", "Layer"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.utils", "get_file"),
    ],
)
@pytest.mark.parametrize("kind", ["class", "function"])
def test_a_layer_of_another_module_is_refused_and_the_module_not_imported(
    network, capsys, monkeypatch, module, name, kind
):
    Path("hostile_module.py").write_text("open('pwned', 'w')\nclass Layer: pass\n")
    monkeypatch.syspath_prepend(os.getcwd())
    network.save("good.keras")

    def change(config):
        layer = config["config"]["layers"][1]
        if kind == "class":
            layer.update(module=module, class_name=name, registered_name=name)
            layer["config"] = {"command": "touch pwned", "args": "touch pwned"}
        else:
            layer["config"]["activation"] = {
                "module": module,
                "class_name": "function",
                "config": name,
                "registered_name": name,
            }

    with_config("good.keras", "hostile.keras", change)
    checkpoints.load("good.keras")
    refused("hostile.keras", capsys)
    assert "hostile_module" not in sys.modules


class Order:
    """A pickle of it runs a command when it is read."""

    def __reduce__(self):
        return os.system, ("touch pwned",)


def arrays(path, key):
    content = {"images": np.zeros((2, 28, 28), np.uint8), "labels": np.zeros(2, np.uint8)}
    content[key] = np.array([Order(), Order()], dtype=object)
    np.savez(path, **content)


@pytest.mark.parametrize("key", ["images", "labels", "more"])
def test_pickled_arrays_are_refused(key):
    arrays("split.npz", key)
    with pytest.raises(images.DataError, match=r"^split\.npz: ") as error:
        images.load("split.npz")
    assert "pickle" in str(error.value)
    assert not Path("pwned").exists()


def test_a_pickle_in_place_of_arrays_is_refused():
    import pickle

    Path("split.npz").write_bytes(pickle.dumps(Order()))
    with pytest.raises(images.DataError, match=r"^split\.npz: "):
        images.load("split.npz")
    assert not Path("pwned").exists()


@pytest.mark.parametrize("key", ["clean", "more"])
def test_a_figure_of_pickled_arrays_is_refused(key):
    import figure

    arrays("examples.npz", key)
    with pytest.raises(images.DataError, match=r"^examples\.npz: "):
        figure.read([Path("examples.npz")], "examples")
    assert not Path("pwned").exists()
