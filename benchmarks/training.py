"""One compiled training epoch against Keras `fit` on the same work, as ratios from one run.

The images are the embedded digits repeated to MNIST's 60,000: the time of an epoch does not depend
on what is seen in them, and nothing has to be downloaded.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import keras
import numpy as np
import tensorflow as tf

from mirage import datasets, device, networks, training

IMAGES, BATCH = 60_000, 100


def main() -> None:
    """Time both sides in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each side, in turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    device.configure(args.threads)
    (images, labels), _ = datasets.digits()
    pick = np.arange(IMAGES) % len(images)
    images, labels = images[pick].reshape(IMAGES, -1), labels[pick]
    print(f"One epoch of {IMAGES:,} images, 784-200-300-10, batch {BATCH}, {args.threads} threads,")
    print(f"median of {args.repeats} epochs of each side in turn, seconds:\n")
    print("| type | Keras fit | compiled epoch | ratio |")
    print("|:-----|----------:|---------------:|------:|")
    for dtype in ("float32", "float64"):
        keras.config.set_floatx(dtype)
        ours, optimizer = training.start(networks.build("mlp-200-300", dtype, 1), {"name": "adam"})
        theirs, _ = training.start(networks.build("mlp-200-300", dtype, 1), {"name": "adam"})
        # As Keras does by itself, and without a metric, which our side does not compute either.
        theirs.compile(
            optimizer=keras.optimizers.Adam(),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        loss = training.loss_of({"name": "cross_entropy"})
        epoch = training.compiled_epoch(ours, optimizer, images, labels, loss)
        pixels, classes = tf.constant(images.astype(dtype) / 255), tf.constant(labels)
        times = {"fit": [], "compiled": []}
        for repeat in range(args.repeats + 1):
            began = time.perf_counter()
            theirs.fit(pixels, classes, batch_size=BATCH, epochs=1, verbose=0)
            times["fit"].append(time.perf_counter() - began)
            order = tf.constant(training.order(1, repeat + 1, IMAGES, BATCH))
            seeds = tf.constant(training.seeds(1, repeat + 1, len(order), 0)[0])
            began = time.perf_counter()
            epoch(order, seeds)
            ours.trainable_variables[0].numpy()  # waits for a device that works on its own
            times["compiled"].append(time.perf_counter() - began)
        # The first epoch of each side compiles.
        fit, compiled = (statistics.median(times[side][1:]) for side in ("fit", "compiled"))
        print(f"| {dtype} | {fit:.2f} | {compiled:.2f} | {fit / compiled:.1f} |", flush=True)


if __name__ == "__main__":
    main()
