"""Split a dataset into training, validation and test set, one .npz file each."""

import argparse
from pathlib import Path

from mirage.data import datasets
from mirage.data import images as prepared
from mirage.runtime.errors import script


@script
def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with status 1 and one message where the data is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group()  # none of them: the embedded digits
    source.add_argument("--raw", type=Path, help="folder of the four IDX files")
    source.add_argument("--cifar10", type=Path, help="folder of the six files of CIFAR-10")
    parser.add_argument("--train", type=int, required=True, help="number of training images")
    parser.add_argument("--validation", type=int, required=True, help="number of validation images")
    parser.add_argument(
        "--output", type=Path, nargs=3, required=True, metavar=("TRAIN", "VALIDATION", "TEST")
    )
    arguments = parser.parse_args(argv)

    if arguments.raw:
        training, test = datasets.read_folder(arguments.raw)
    elif arguments.cifar10:
        training, test = datasets.read_cifar10(arguments.cifar10)
    else:
        training, test = datasets.digits()
    train, validation = datasets.split(*training, arguments.train, arguments.validation)
    for path, (images, labels) in zip(arguments.output, (train, validation, test), strict=True):
        prepared.save(path, images, labels)
        print(f"{path}: {len(images)} images")


if __name__ == "__main__":
    main()
