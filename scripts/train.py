"""Train one link of a chain: from the checkpoint before (or the initial weights) to the next."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.images import load
from mirage.models import networks
from mirage.runtime import device
from mirage.runtime.errors import script
from mirage.training import chain


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", type=Path, required=True, help=".npz of the training data")
    parser.add_argument("--validation", type=Path, required=True, help=".npz of validation data")
    parser.add_argument("--previous", type=Path, help="checkpoint before; none for the first link")
    parser.add_argument("--start", type=Path, help="checkpoint whose weights a first link takes")
    parser.add_argument("--network", required=True, help="for example mlp-200-300")
    parser.add_argument("--dtype", choices=networks.DTYPES, required=True)
    parser.add_argument("--optimizer", type=json.loads, required=True, help="JSON: name, arguments")
    parser.add_argument("--learning-rate", type=json.loads, required=True, help="number or JSON")
    parser.add_argument("--objective", type=json.loads, required=True, help="JSON: name, arguments")
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first-epoch", type=int, required=True, help="first one to train")
    parser.add_argument("--last-epoch", type=int, required=True, help="epoch of the checkpoint")
    parser.add_argument("--labels", type=json.loads, required=True, help="JSON: first columns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, required=True, help="output: .keras")
    parser.add_argument("--history", type=Path, required=True, help="output: .csv")
    return parser.parse_args()


@script
def main() -> None:
    """Train and save."""
    args = arguments()
    device.configure(args.threads, args.dtype)
    data = [load(args.training), load(args.validation)]
    about = {"dataset": args.labels["dataset"], "network": args.network, "dtype": args.dtype}
    networks.verify([path for path in (args.previous, args.start) if path], **about)
    if args.previous:
        network = networks.load(args.previous, training=True)
        optimizer = network.optimizer
    elif args.start:
        network, optimizer = chain.start(networks.load(args.start), args.optimizer)
    else:
        network = networks.build(args.network, args.dtype, args.seed, data[0][0].shape[1:])
        network, optimizer = chain.start(network, args.optimizer)
    rows = chain.train(
        network,
        optimizer,
        *((images.reshape(len(images), -1), labels) for images, labels in data),
        epochs=range(args.first_epoch, args.last_epoch + 1),
        seed=args.seed,
        schedule=args.learning_rate,
        batch_size=args.batch_size,
        objective=args.objective,
        l2=args.l2,
    )
    rows = [{**args.labels, **row} for row in rows]
    chain.save(network, rows, args.checkpoint, args.history, about)


if __name__ == "__main__":
    main()
