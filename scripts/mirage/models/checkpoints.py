"""Checkpoints: networks as Keras files."""

import contextlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras

from mirage.models.networks import NetworkError, check_weights, same_constants


def load(path: Path | str, *, training: bool = False) -> keras.Model:
    """Open a checkpoint; no code stored in the file is run (Keras' safe mode).

    Args:
        path: A `.keras` file.
        training: Also restore the optimizer and its state.

    Returns:
        A model from images to logits, in the type it was saved in.

    Raises:
        NetworkError: The file is missing or no Keras checkpoint, or has weights that are NaN or
            infinite; the message names it, and the layer.

    Example:
        >>> mirage.build({"name": "mlp", "hidden": [30]}).save("mine.keras")
        >>> mirage.load("mine.keras").name
        'mlp'
    """
    with _readable(path):
        network = keras.saving.load_model(path, compile=training, safe_mode=True)
    check_weights(network, str(path))
    return network


def load_weights(network: keras.Model, path: Path | str) -> None:
    """Give a network the weights of another checkpoint of its architecture.

    Faster than `load`: neither the model nor the optimizer is built anew.

    Raises:
        NetworkError: The file is missing or no such checkpoint, has weights that are NaN or
            infinite, or other statistics in a Normalization layer; the message names it.
    """
    with same_constants(network, str(path)), _readable(path):
        network.load_weights(path)
    check_weights(network, str(path))


def place(path: Path | str) -> str:
    """Where a checkpoint belongs, such as `float64/seed1/epoch8`."""
    return "/".join(Path(path).with_suffix("").parts[-3:])


def sign(path: Path | str, **about: object) -> None:
    """Write into a checkpoint what it is.

    It stands in the comment of the zip archive that a `.keras` file is: Keras does not mind, and
    `unzip -z` shows it.

    Raises:
        FileNotFoundError: There is no such file. After a kill another job may write the same
            checkpoint and have removed this one's; zipfile would begin an empty archive.
    """
    with open(path, "r+b") as file, zipfile.ZipFile(file, "a") as archive:
        archive.comment = json.dumps(about).encode()


def verify(paths: Iterable[Path | str], **expected: object) -> None:
    """Refuse checkpoints that are damaged, or in the place of others.

    Args:
        paths: Written by `mirage.training.chain.save`.
        expected: What they must say of themselves, besides their place.

    Raises:
        NetworkError: One is not whole, does not say what it is, or is another one; the message
            names it.
    """
    for path in paths:
        with _readable(path), zipfile.ZipFile(path) as archive:
            # Keras does not look at the checksums: a flipped bit would pass for a weight.
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
            about = json.loads(archive.comment or "{}")
        wanted = {"place": place(path), **expected}
        if wrong := {key: value for key, value in wanted.items() if about.get(key) != value}:
            said = ", ".join(f"{key} {about.get(key, 'unknown')}" for key in wrong)
            wish = ", ".join(f"{key} {value}" for key, value in wrong.items())
            raise NetworkError(
                f"{path}: not the checkpoint that belongs here. It says {said}; needed is {wish}. "
                f"{_REMEDY}"
            )


_REMEDY = (
    "Delete it and run again: the workflow trains it anew, and makes anew what was made from it."
)


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    if not Path(path).exists():
        raise NetworkError(f"{path}: there is no such file. A checkpoint is a file *.keras.")
    try:
        yield
    except Exception as error:  # Keras raises what its parts raise: OSError, KeyError, BadZipFile
        raise NetworkError(
            f"{path}: not a readable Keras checkpoint ({error}). {_REMEDY}"
        ) from error
