"""Models in folders of TensorFlow's SavedModel."""

import json
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from mirage.auditing.errors import AuditError


def configuration(folder: Path) -> dict:
    """The configuration of the model in a folder that Keras 2 saved.

    A graph alone, as `model.export` writes it, has one type of arithmetic for good and no layers:
    it cannot be audited.

    Raises:
        AuditError: It is no such folder, or has no Keras layers.
    """
    if not (folder / "saved_model.pb").is_file():
        raise AuditError(f"{folder}: the folder has no saved_model.pb. {_INSTEAD}")
    metadata = folder / "keras_metadata.pb"
    config = _root(metadata.read_bytes()) if metadata.is_file() else None
    if config is None:
        raise AuditError(
            f"{folder}: this SavedModel is a graph without Keras layers, which cannot be computed "
            f"in float64. {_INSTEAD}"
        )
    return config


def load_weights(model: keras.Model, folder: Path) -> None:
    """Give a model the weights of a folder that Keras 2 saved.

    Raises:
        AuditError: They are not all there, or of another architecture.
    """
    try:
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        _fill(model, reader, graph.nodes, graph.nodes[0])
    except (KeyError, ValueError, StopIteration, tf.errors.OpError) as error:
        raise AuditError(
            f"{folder}: it has not all weights of this architecture ({error}). {_INSTEAD}"
        ) from None


_INSTEAD = "Give the model as a .keras or .h5 file, or as FILE.py:FUNCTION."


def _root(content: bytes) -> dict | None:
    """The configuration of the whole model, from the file `keras_metadata.pb` of Keras 2.

    The file is a list of nodes; that of the path `root` has the model's as JSON.
    """
    start = content.find(b'{"', content.find(b"\x1a\x04root"))
    try:
        found, _ = json.JSONDecoder().raw_decode(content[start:].decode("utf-8", "replace"))
    except ValueError:
        return None
    if found.get("class_name") not in ("Sequential", "Functional", "Model"):
        return None
    return {"class_name": found["class_name"], "config": found["config"]}


def _fill(model: keras.Model, reader: object, nodes: list, node: object) -> None:
    """Give the layers of a model the weights of a checkpoint, which numbers those with weights."""
    children = {one.local_name: nodes[one.node_id] for one in node.children}
    layers = [one for one in model.layers if one.weights]
    for number, layer in enumerate(layers):
        child = children[f"layer_with_weights-{number}"]
        if isinstance(layer, keras.Model):
            _fill(layer, reader, nodes, child)
            continue
        saved = {one.local_name: nodes[one.node_id] for one in child.children}
        for variable in layer.weights:
            name = next(one for one in _names(variable.name) if one in saved)
            variable.assign(reader.get_tensor(saved[name].attributes[0].checkpoint_key))
        if hasattr(layer, "finalize_state"):  # it computes with constants made of its weights
            layer.finalize_state()


def _names(name: str) -> tuple[str, ...]:
    """Names that a weight may have in Keras 2, as in a Normalization or a DepthwiseConv2D."""
    return name, f"adapt_{name}", f"depthwise_{name}"
