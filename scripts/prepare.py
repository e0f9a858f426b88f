"""Split a dataset into training, validation and test set, one .npz file each."""

from pathlib import Path

from mirage.data import datasets
from mirage.data import images as prepared
from mirage.data.jobs import Prepare
from mirage.runtime.errors import script


@script
def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with status 1 and one message where the data is wrong."""
    parser = Prepare.parser(__doc__)
    parser.add_argument("--raw", type=Path, nargs="*", help="the four IDX files, in one folder")
    parser.add_argument("--folder", type=Path, help="of CIFAR-10, which is read where it lies")
    parser.add_argument(
        "--output", type=Path, nargs=3, required=True, metavar=("TRAIN", "VALIDATION", "TEST")
    )
    arguments = parser.parse_args(argv)

    job: Prepare = arguments.job
    if arguments.raw:
        training, test = datasets.read_folder(arguments.raw[0].parent)
    elif job.dataset == "cifar10":
        training, test = datasets.read_cifar10(arguments.folder)
    else:
        training, test = datasets.digits()
    train, validation = datasets.split(*training, job.train, job.validation, job.seed)
    for path, (images, labels) in zip(arguments.output, (train, validation, test), strict=True):
        prepared.save(path, images, labels)
        print(f"{path}: {len(images)} images")


if __name__ == "__main__":
    main()
