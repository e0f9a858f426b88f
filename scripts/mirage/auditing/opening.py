"""Anybody's Keras model, from its file.

Nothing that a file holds is run unless the user allows it: Keras' safe mode is on, and layers that
carry code are named. An architecture in Python is the user's own code and is run.
"""

import importlib
import importlib.util
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras

from mirage.auditing import legacy, saved
from mirage.auditing.errors import AuditError
from mirage.models import networks

# What Keras 3 marks values in a configuration with that are no objects, and no code.
_VALUES = (
    *("__keras_tensor__", "__tensor__", "__numpy__"),
    *("__bytes__", "__slice__", "__ellipsis__"),
)
_GIVE = "Give --architecture FILE.py:FUNCTION, which builds the model, or its JSON"


def open_model(
    path: str | Path, architecture: str | Path | None = None, allow_code: bool = False
) -> keras.Model:
    """Open a Keras model, whatever version of Keras wrote it.

    Args:
        path: A `.keras` file, an `.h5` file of Keras 2 or 3, a SavedModel of Keras 2, weights
            alone (then with `architecture`), or `module:function` or `FILE.py:FUNCTION`, which is
            called without arguments and returns the whole model.
        architecture: For weights alone, and for a file of which the model cannot be built:
            `FILE.py:FUNCTION`, which is called without arguments and returns the model to fill, or
            a JSON file of `model.to_json()`, of Keras 2 or 3.
        allow_code: Also run code that is stored in the file: Lambda layers.

    Returns:
        The model, with its weights, not compiled.

    Raises:
        AuditError: It cannot be opened; the message says in a sentence why, and what to give.
    """
    name = os.fspath(path)
    if ":" in name and not Path(name).exists():
        model = _called(name)
    elif not Path(name).exists():
        raise AuditError(f"{name}: there is no such file. A model is a .keras or .h5 file.")
    else:
        model = _opened(Path(name), architecture, allow_code)
    try:
        networks.check_weights(model, name)
    except networks.NetworkError as error:
        raise AuditError(str(error)) from None
    return model


def _opened(path: Path, architecture: str | Path | None, allow_code: bool) -> keras.Model:
    if path.is_dir():
        if architecture is not None:
            model = _architecture(os.fspath(architecture), allow_code)
        else:
            model = _from_config(saved.configuration(path), path, allow_code)
        saved.load_weights(model, path)
        return model
    if zipfile.is_zipfile(path):
        return _zipped(path, architecture, allow_code)
    if not h5py.is_hdf5(path):
        kind = "an architecture without weights" if path.suffix == ".json" else "no Keras model"
        raise AuditError(
            f"{path}: it is {kind}. A model is a .keras or .h5 file, or a folder of SavedModel."
        )
    try:
        with h5py.File(path) as file:
            config = file.attrs.get("model_config")
            if config is not None and architecture is None:
                return _from_h5(path, file, json.loads(config), allow_code)
            group = file if config is None else file["model_weights"]
            old = "layer_names" in group.attrs or "layer_names0" in group.attrs
            if not old and "layers" not in file and "_layer_checkpoint_dependencies" not in file:
                raise AuditError(f"{path}: it is an HDF5 file, but no Keras model.")
            if architecture is None:
                raise AuditError(f"{path}: it has weights only, and not the model. {_GIVE}.")
            model = _architecture(os.fspath(architecture), allow_code)
            if old:
                legacy.load_weights(model, group, str(path))
                return model
    except (OSError, KeyError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AuditError(f"{path}: the file is damaged ({_line(error)}).") from error
    return _with_new_weights(model, path)


def _from_h5(path: Path, file: h5py.File, config: dict, allow_code: bool) -> keras.Model:
    """A whole model in HDF5, of Keras 2 or 3."""
    weights = file["model_weights"]
    version = file.attrs.get("keras_version", weights.attrs.get("keras_version", "2"))
    about = {"keras_version": version.decode() if isinstance(version, bytes) else version}
    if not _is_old(about):
        return _whole(path, config, allow_code)
    model = _from_config({**config, **about}, path, allow_code)
    legacy.load_weights(model, weights, str(path))
    return model


def _zipped(path: Path, architecture: str | Path | None, allow_code: bool) -> keras.Model:
    """A `.keras` file, of Keras 3, or of 2.12 and later."""
    try:
        with zipfile.ZipFile(path) as archive:
            config, about = (
                json.loads(archive.read(f"{one}.json")) for one in ("config", "metadata")
            )
            if architecture is not None:
                model = _architecture(os.fspath(architecture), allow_code)
            elif not _is_old(about):
                return _whole(path, config, allow_code)
            else:
                model = _from_config({**config, **about}, path, allow_code)
            with tempfile.TemporaryDirectory() as folder:
                return _with_new_weights(model, Path(archive.extract("model.weights.h5", folder)))
    except (KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, AuditError):
            raise
        raise AuditError(
            f"{path}: it is no Keras model, but an archive of something else, or damaged "
            f"({_line(error)}). A model is a .keras or .h5 file."
        ) from None


def _is_old(about: dict) -> bool:
    """Whether a version of Keras wrote this that was not Keras 3."""
    return not str(about.get("keras_version", "2")).startswith("3")


def _whole(path: Path, config: dict, allow_code: bool) -> keras.Model:
    """A file that Keras 3 wrote."""
    _refuse_code({"keras_version": "3", **config}, path, allow_code)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not allow_code)
    except Exception as error:  # Keras raises what its parts raise
        raise AuditError(f"{path}: Keras cannot open it ({_line(error)}).") from error


def _from_config(config: dict, origin: Path, allow_code: bool) -> keras.Model:
    """A model with fresh weights from its configuration, of Keras 2 or 3."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise AuditError(f"{origin}: it is no architecture of a Keras model.")
    _refuse_code(config, origin, allow_code)
    try:
        if _is_old(config):
            return legacy.build(config)
        return keras.saving.deserialize_keras_object(config, safe_mode=not allow_code)
    except Exception as error:  # Keras raises what its parts raise
        raise AuditError(
            f"{origin}: Keras 3 cannot build this model ({_line(error)}). {_GIVE}."
        ) from error


def _refuse_code(config: dict, origin: Path, allow_code: bool) -> None:
    """Refuse a configuration that names code other than Keras' own, unless that is allowed."""
    found = ", ".join(dict.fromkeys(_code(config, None)))
    if found and _is_old(config):
        # Bytes for the Python of that time would at best fail here.
        raise AuditError(
            f"{origin}: it needs code that is not Keras' own, or is kept for another Python: "
            f"{found}. {_GIVE}."
        )
    if found and not allow_code:
        raise AuditError(
            f"{origin}: it needs code that is not Keras' own: {found}. If you trust the file, "
            f"allow it (--allow-code). {_GIVE}."
        )


def _code(value: object, name: str | None) -> Iterator[str]:
    """What in a configuration is code: Lambda layers, and classes and functions of others."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _code(one, name)
    if not isinstance(value, dict):
        return
    config = value.get("config")
    kind = value.get("class_name")
    if isinstance(kind, str) and "config" in value:
        name = config.get("name", name) if isinstance(config, dict) else name
        known = value.get("registered_name") or kind
        if kind in ("Lambda", "__lambda__"):
            yield f"the Lambda layer {name!r}"
            return
        if kind == "function" and value.get("module") != "keras":
            known = value.get("registered_name", config)
        if not _ours(value, kind) and keras.saving.get_registered_object(known) is None:
            yield f"{config if kind == 'function' else kind} of {name!r}"
    for one in value.values():
        yield from _code(one, name)


def _ours(value: dict, kind: str) -> bool:
    """Whether a class or a function is Keras' own."""
    if value.get("module"):
        place = str(value["module"]).split(".")[0]
        return place in ("keras", "tf_keras", "builtins") and (place, kind) != (
            "builtins",
            "function",
        )
    if kind in _VALUES:
        return True
    if kind in (*legacy.CLASSES, *legacy.OPERATIONS, "Sequential", "Functional", "Model"):
        return True
    return any(
        hasattr(place, kind)
        for place in (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    )


# --- Code of the user ----------------------------------------------------------------------------


def _architecture(given: str, allow_code: bool) -> keras.Model:
    """A model without its weights, from `FILE.py:FUNCTION` or a JSON file."""
    if not given.endswith(".json"):
        return _called(given)
    try:
        config = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AuditError(f"{given}: not a readable JSON file ({_line(error)}).") from None
    return _from_config(config, Path(given), allow_code)


def _called(given: str) -> keras.Model:
    """What a function returns that is named as `FILE.py:FUNCTION` or `module:function`."""
    place, _, function = given.rpartition(":")
    try:
        module = _imported(place)
        model = getattr(module, function)()
    except Exception as error:  # it is the user's code, and may raise anything
        raise AuditError(
            f"{given}: it cannot be run ({type(error).__name__}: {_line(error)}). It must be "
            "FILE.py:FUNCTION or module:function, a function without arguments."
        ) from error
    if not isinstance(model, keras.Model) or not model.built:
        raise AuditError(
            f"{given}: it returns a {type(model).__name__}. It must return a model of Keras 3 "
            "that knows the shape of its input."
        )
    return model


def _imported(place: str) -> object:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    module = importlib.util.module_from_spec(spec)
    # The file may import what lies beside it.
    sys.path.insert(0, str(Path(place).resolve().parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _with_new_weights(model: keras.Model, path: Path) -> keras.Model:
    """A model with weights that Keras 3 wrote alone; it asks for the name `*.weights.h5`."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "given.weights.h5")
        link.symlink_to(path.resolve())
        try:
            model.load_weights(link)
        except Exception as error:  # Keras raises what its parts raise
            raise AuditError(
                f"{path}: its weights are not those of the architecture ({_line(error)})."
            ) from error
    return model


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
