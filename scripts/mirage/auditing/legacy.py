"""Models of Keras 2 and of TensorFlow 1 times, as models of Keras 3.

Their configuration is translated, and their weights are read in the order in which those versions
wrote them: of each layer the trainable ones, then the others.
"""

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from mirage.auditing.errors import AuditError

# Class -> its name now.
CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Model": "Functional",
}
# Operations that stood in a model without a layer; Keras 3 has others.
OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod")
# Of keys that are no more: the value with which a layer computes what it computes now.
_NEUTRAL = {
    "adjustment": (None,),
    "data_format": (None,),
    "fused": (None, True, False),
    "groups": (1,),
    "ragged": (False, None),
    "renorm": (False,),
    "sparse": (False, None),
    "virtual_batch_size": (None,),
}
# Keys that say how weights begin and are trained. The weights are read from the file.
_TRAINING = ("_initializer", "_regularizer", "_constraint")


def build(config: dict) -> keras.Model:
    """A model of Keras 3 from the configuration of one of Keras 2, with fresh weights.

    Args:
        config: As `model.to_json()` of Keras 2 wrote it, a Sequential or Functional model.

    Raises:
        AuditError: It has operations without a layer.
        Exception: Whatever Keras raises where a layer is unknown to it, or has unknown options.
    """
    if names := list(dict.fromkeys(_operations(config))):
        raise AuditError(
            f"the operations {', '.join(names)} stand in it without a layer, and Keras 3 has others"
        )
    config = _translated(config)
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    return kind.from_config(config["config"])


def _operations(value: object) -> Iterator[str]:
    """Names of the operations without a layer in a configuration, `tf.nn.softmax`."""
    if isinstance(value, list):
        for one in value:
            yield from _operations(one)
    elif isinstance(value, dict):
        if value.get("class_name") in OPERATIONS:
            yield str(value["config"].get("function", value["config"].get("name")))
        for one in value.values():
            yield from _operations(one)


def _translated(value: object) -> object:
    """A configuration, or a part of one, as Keras 3 writes it."""
    if isinstance(value, list | tuple):
        return [_translated(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "ndarray":  # a number that was an array
        return value["value"]
    if value.get("class_name") == "__tuple__":
        return _translated(value["items"])
    if value.get("class_name") == "Sequential":
        value = {**value, "config": _sequential(value["config"])}
    value = {key: _translated(one) for key, one in value.items() if key != "build_config"}
    if "class_name" not in value or "config" not in value:
        return value
    if str(value.get("module")).startswith(("keras", "tf_keras")):  # written by Keras 2.12 or later
        value = {key: one for key, one in value.items() if key not in ("module", "registered_name")}
    if value["class_name"].endswith("Policy"):
        return value["config"]["name"]
    kind = value["class_name"] = CLASSES.get(value["class_name"], value["class_name"])
    if kind == "Functional":
        _renumber(value["config"])
    elif kind != "Sequential" and isinstance(value["config"], dict):
        value["config"] = _layer(kind, value["config"])
    return value


def _layer(kind: str, config: dict) -> dict:
    config = {key: one for key, one in config.items() if not key.endswith(_TRAINING)}
    shape = config.pop("batch_input_shape", None)
    if kind == "InputLayer" and shape:
        config["batch_shape"] = shape
    for key, neutral in _NEUTRAL.items():
        if key in config and config[key] in neutral:
            del config[key]
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        config["axis"] = config["axis"][0]
    if config.get("activation") == "softmax_v2":
        config["activation"] = "softmax"
    return config


def _renumber(config: dict) -> None:
    """Count the calls of the models within a model from 0: Keras 2 had made one call itself."""
    models = {
        one["name"] for one in config["layers"] if one["class_name"] in ("Functional", "Sequential")
    }

    def visit(value: object) -> None:
        if not isinstance(value, list):
            return
        if len(value) >= 3 and isinstance(value[1], int) and value[0] in models:
            value[1] = max(0, value[1] - 1)
        for one in value:
            visit(one)

    for layer in config["layers"]:
        visit(layer["inbound_nodes"])
    visit(config["output_layers"])


def _sequential(config: dict | list) -> dict:
    """That of a Sequential: it was a list, and the shape of its input stood at its first layer."""
    if isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    first = config["layers"][0]
    shape = first["config"].get("batch_input_shape") or config.get("build_input_shape")
    if not shape or first["class_name"] in ("InputLayer", "Model", "Functional"):
        return config
    start = {"class_name": "InputLayer", "config": {"batch_input_shape": shape}}
    return {**config, "layers": [start, *config["layers"]]}


def load_weights(model: keras.Model, group: Mapping, origin: str) -> None:
    """Give a model the weights of a file of Keras 2, by the order of its layers, or their names.

    Args:
        model: A model that is built.
        group: What the file (h5py) has under `model_weights`, or the file itself.
        origin: How the message calls it.

    Raises:
        AuditError: The weights are those of another architecture.
    """
    saved = {}
    for name in _names(group, "layer_names"):
        if weights := _names(group[name], "weight_names"):
            saved[name] = [np.asarray(group[name][one]) for one in weights]
    layers = [one for one in model.layers if one.weights]
    if {one.name for one in layers} == set(saved):
        pairs = [(one, saved[one.name]) for one in layers]
    elif len(layers) == len(saved):
        pairs = list(zip(layers, saved.values(), strict=True))
    else:
        raise AuditError(
            f"{origin}: it has weights of {len(saved)} layers, and the architecture has "
            f"{len(layers)} with weights. Give the architecture that these weights are of."
        )
    for layer, values in pairs:
        _fill(layer, values, origin)


def _fill(layer: keras.Layer, values: list[np.ndarray], origin: str) -> None:
    wanted = [*layer.trainable_weights, *layer.non_trainable_weights]
    shapes = [[tuple(one.shape) for one in group] for group in (values, wanted)]
    if shapes[0] != shapes[1]:
        raise AuditError(
            f"{origin}: the weights for layer {layer.name!r} have the shapes {shapes[0]}, and the "
            f"architecture asks for {shapes[1]}. Give the architecture that these weights are of."
        )
    for variable, value in zip(wanted, values, strict=True):
        variable.assign(value)
    for part in layer._flatten_layers():
        if hasattr(part, "finalize_state"):  # it computes with constants made of its weights
            part.finalize_state()


def _names(group: Mapping, attribute: str) -> list[str]:
    """Names that a file has in an attribute, or in several where they are many."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while (part := f"{attribute}{len(parts)}") in group.attrs:
        parts.append(group.attrs[part])
    return [one.decode() if isinstance(one, bytes) else str(one) for part in parts for one in part]
