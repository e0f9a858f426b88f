"""Our attacks against those of ART, Foolbox and CleverHans, on one network and the same images."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import peers, training
from benchmarks.comparison import OURS, SEVERAL, Side
from benchmarks.setting import Setting
from benchmarks.together import Together
from mirage.attacks import deepfool, fgsm, gradients, jsma, lbfgs, pgd
from mirage.models import checkpoints

CLIP = (0.0, 1.0)
EPSILONS = [0.02 * number for number in range(1, 11)]
PGD = {"epsilon": 0.1, "steps": 40, "step": 0.01}
# The paper's: 14.5 % of the pixels.
GAMMA = 0.145
# Passes through the network, forward or backward, that an attack cannot do without: FGSM's gradient
# and the answer to each epsilon; PGD's gradients. Only where they are what takes the time: FGSM's
# images alone are bounded by memory.
PASSES = {"fgsm_accuracy": 2 + len(EPSILONS), "pgd": 2 * PGD["steps"]}

Answer = tuple[str, float]


# Images at once: what each peer was fastest with, of a few sizes tried on two cores. It decides
# much: of ART's DeepFool an image takes half as long among 1,000 as among 200. For its slow attacks
# also how many images are run.
FOOLBOX_BATCH = {"fgsm": 2_000, "pgd": 10_000, "deepfool": 2_000}
ART = "ART"
ART_FASTEST = (ART, 1_000, 1_000)
# It takes one image at a time where it is not told otherwise.
ART_DEFAULT = (f"{ART}, its own batch size", 1, 50)
SCIPY = "SciPy, one by one"
# One image at a time: their rounds take longest, and are not made by several processes as well.
SLOW = {ART_DEFAULT[0], SCIPY}


def joined(moved: object) -> np.ndarray:
    """Images as one array, whether a side gives an array, a tensor or a list of batches."""
    return (
        np.concatenate([np.asarray(part) for part in moved])
        if isinstance(moved, list)
        else (np.asarray(moved))
    )


@dataclass
class Work:
    """One way to attack, before it is said by how many processes.

    Args:
        name: Whose it is.
        run: Attacks the first `done` images once.
        done: How many images.
        judge: Of the outcome, what came of it: (name, value).
        note: What a reader has to know about it.
        outcome: Of what `run` returned, an array with a row for each image.
    """

    name: str
    run: Callable[[], object]
    done: int
    judge: Callable[[np.ndarray], Answer]
    note: str = ""
    outcome: Callable[[object], np.ndarray] = joined


def job(network: str, part: str, name: str, number: str, count: str) -> tuple[Callable, Callable]:
    """One of several processes, for `benchmarks.together`: every count-th image from number on."""
    images, labels = Setting(os.environ).attacked
    # Every count-th, not a block: MNIST's first test images are easier than its last.
    share = slice(int(number), None, int(count))
    images, labels = (np.ascontiguousarray(array[share]) for array in (images, labels))
    attacks = Attacks(checkpoints.load(network), images, labels)
    work = next(work for work in getattr(attacks, part)() if work.name == name)
    return work.run, work.outcome


class Attacks:
    """All comparisons of attacks, by name, as functions that give the ways to attack."""

    def __init__(self, network: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
        """Network; images (n, 784), float32 in 0 to 1; labels (n,), int64."""
        self.network = network
        self.images, self.labels = images, labels
        answers = gradients.logits(self.network, self.images).argmax(axis=1)
        # Minimal attacks change the network's own answer, whatever the image shows.
        self.answers = answers.astype(np.int64)

    def sides(self, part: str, threads: int) -> list[Side]:
        """The sides of a comparison: on all cores at once, and by several processes.

        The workflow gives a job one thread and runs as many jobs as there are cores, so our first
        side is as many processes as `threads`, each with its share of the images. One process with
        all threads is timed, too, ours and the peers', and the peers in several processes as well.
        On a GPU one process is what is compared.
        """
        works = getattr(self, part)()
        one = threads == 1 or bool(tf.config.list_logical_devices("GPU"))
        found = []
        for work in works:
            if one or work.name in SLOW:
                found.append(self.alone(work, work.name))
            elif work.name.startswith(OURS):
                found.append(self.several(part, work, work.name, threads))
                found.append(self.alone(work, f"{work.name}, one process"))
            else:
                found.append(self.alone(work, work.name))
                found.append(self.several(part, work, work.name + SEVERAL, threads))
        if part in PASSES:
            count = len(self.images)
            operations = PASSES[part] * sum(training.forward(self.network)) * count
            found.append(training.limit(operations, "float32", count, count))
        return found

    def alone(self, work: Work, name: str) -> Side:
        """The side of one process."""
        return Side(
            *(name, work.run, work.done, len(self.images)),
            lambda found: work.judge(work.outcome(found)),
            work.note,
        )

    def several(self, part: str, work: Work, name: str, threads: int) -> Side:
        """The side of several processes."""
        # They read the network from a file: trained anew it would differ by rounding.
        folder = tempfile.TemporaryDirectory()
        path = Path(folder.name, "network.keras")
        self.network.save(path)
        runs = Together(threads, "attacks", "float32", str(path), part, work.name)
        done = min(threads * work.done, len(self.images))

        def judged(runs: Together) -> Answer:
            shares = runs.results()
            outcome = np.empty((done, *shares[0].shape[1:]), shares[0].dtype)
            for number, share in enumerate(shares):
                outcome[number::threads] = share
            return work.judge(outcome)

        def close() -> None:
            runs.close()
            folder.cleanup()

        note = f"{threads} processes at once, one thread each, each with its share of the images"
        return Side(
            *(name, runs.run, done, len(self.images), judged),
            "; ".join(filter(None, [work.note, note])),
            close=close,
        )

    # What comes of an attack.

    def accuracy(self, moved: np.ndarray) -> Answer:
        """Share of images that the network takes for what they are."""
        return "accuracy", float((self.predictions(moved) == self.labels).mean())

    def predictions(self, images: object) -> np.ndarray:
        """The network's answers, shape (n,)."""
        return gradients.logits(self.network, joined(images)).argmax(axis=1)

    def median_l2(self, moved: np.ndarray) -> Answer:
        """Median length of the perturbations of the images whose answer changed."""
        length = np.linalg.norm(moved - self.images[: len(moved)], axis=1)
        misled = self.predictions(moved) != self.answers[: len(moved)]
        share = f"median L2 of the {misled.mean():.1%} misled"
        return share, float(np.median(length[misled])) if misled.any() else float("nan")

    def reached(self, moved: np.ndarray) -> Answer:
        """Share of images that the network takes for the target class."""
        targets = (self.labels[: len(moved)] + 1) % 10
        return "target reached", float((self.predictions(moved) == targets).mean())

    def beside(self, judge: Callable, ours: Callable[[int], np.ndarray]) -> Callable:
        """A side's outcome with ours on the same images, which are fewer than our own side's."""

        def judged(moved: np.ndarray) -> Answer:
            name, value = judge(moved)
            return f"{name} (ours on these: {judge(ours(len(moved)))[1]:.4g})", value

        return judged

    # The attacks.

    def fgsm(self) -> list[Work]:
        """Adversarial images at ten epsilons, each set dropped when the next is made."""
        return self.sweep(answers=False)

    def fgsm_accuracy(self) -> list[Work]:
        """The same, and the network's accuracy on each set: what a sweep is for."""
        return self.sweep(answers=True)

    def sweep(self, *, answers: bool) -> list[Work]:
        """FGSM at ten epsilons, with or without the accuracies."""
        everything = slice(0, len(self.images))

        parameters = fgsm.Parameters(gradient="cross_entropy_sum", clip=CLIP)

        def ours():
            for part in gradients.batches(len(self.images)):
                images, labels = self.images[part], self.labels[part]
                signs = gradients.sign(
                    gradients.input_gradient(self.network, images, labels, "cross_entropy_sum")
                )
                for number, epsilon in enumerate(EPSILONS):
                    found = fgsm.attack(
                        *(self.network, images, labels, parameters), epsilon=epsilon, signs=signs
                    )
                    yield number, part, found.images

        def one_by_one(attacks):
            for number, attack in enumerate(attacks):
                yield number, everything, attack(self.images, self.labels)

        art = [
            peers.art(
                *(self.network, "FastGradientMethod"), eps=epsilon, batch_size=len(self.images)
            )
            for epsilon in EPSILONS
        ]
        cleverhans = [
            peers.cleverhans(self.network, "fast_gradient_method", eps=epsilon)
            for epsilon in EPSILONS
        ]
        foolbox = peers.foolbox(
            self.network,
            "LinfFastGradientAttack",
            EPSILONS,
            misled=True,
            batch=FOOLBOX_BATCH["fgsm"],
        )

        def right(sets):
            """Whether each image is taken for what it is at each epsilon."""
            found = np.zeros((len(self.images), len(EPSILONS)), bool)
            for number, part, moved in sets:
                found[part, number] = self.predictions(moved) == self.labels[part]
            return found

        def images_only(sets):
            for _ in sets:
                pass

        def work(name, sets, note=""):
            return Work(
                *(name, lambda: (right if answers else images_only)(sets()), len(self.images)),
                *(mean, note),
                # Of images that are dropped nothing is left to look at.
                (lambda found: found) if answers else (lambda _: right(sets())),
            )

        def mean(right):
            return "mean accuracy", float(right.mean())

        # One call gives it all.
        theirs = Work(
            *("Foolbox", lambda: foolbox(self.images, self.labels), len(self.images), mean),
            "its call always finds out whether each image is misled",
            lambda misled: ~misled.T,
        )
        return [
            work(OURS, ours),
            theirs,
            work("CleverHans", lambda: one_by_one(cleverhans)),
            work(ART, lambda: one_by_one(art), "its call always computes its own success"),
        ]

    def pgd(self) -> list[Work]:
        """40 steps in the L-infinity ball, from the image itself."""
        everything = len(self.images)
        parameters = pgd.Parameters(
            gradient="cross_entropy_sum",
            steps=PGD["steps"],
            relative_step=PGD["step"] / PGD["epsilon"],
            random_start=False,
            clip=CLIP,
        )

        def ours():
            moved = np.empty_like(self.images)
            for part in gradients.batches(everything):
                moved[part] = pgd.attack(
                    *(self.network, self.images[part], self.labels[part], parameters),
                    epsilon=PGD["epsilon"],
                ).images
            return moved

        foolbox = peers.foolbox(
            *(self.network, "LinfPGD", PGD["epsilon"]),
            batch=FOOLBOX_BATCH["pgd"],
            abs_stepsize=PGD["step"],
            steps=PGD["steps"],
            random_start=False,
        )
        cleverhans = peers.cleverhans(
            *(self.network, "projected_gradient_descent"),
            eps=PGD["epsilon"],
            eps_iter=PGD["step"],
            nb_iter=PGD["steps"],
            rand_init=False,
        )
        art = peers.art(
            *(self.network, "ProjectedGradientDescent"),
            eps=PGD["epsilon"],
            eps_step=PGD["step"],
            max_iter=PGD["steps"],
            num_random_init=0,
            batch_size=everything,
        )
        return [
            Work(OURS, ours, everything, self.accuracy),
            *(
                Work(
                    *(name, lambda attack=attack: attack(self.images, self.labels)),
                    *(everything, self.accuracy),
                )
                for name, attack in [("Foolbox", foolbox), ("CleverHans", cleverhans), (ART, art)]
            ),
        ]

    def deepfool(self) -> list[Work]:
        """DeepFool in L2 among all ten classes, at most 50 steps."""
        everything = len(self.images)
        foolbox = peers.foolbox(
            *(self.network, "L2DeepFoolAttack", None),
            batch=FOOLBOX_BATCH["deepfool"],
            steps=50,
            candidates=10,
            overshoot=0.02,
        )

        def art(name, batch, few):
            attack = peers.art(
                *(self.network, "DeepFool"),
                max_iter=50,
                epsilon=0.02,
                nb_grads=10,
                batch_size=batch,
            )
            judge = self.beside(self.median_l2, ours)
            return Work(name, lambda: attack(self.images[:few], None), few, judge)

        def ours(count):
            parameters = deepfool.Parameters(clip=CLIP)
            given = (self.network, self.images[:count], self.labels[:count])
            return deepfool.attack(*given, parameters).images

        return [
            Work(OURS, lambda: ours(everything), everything, self.median_l2),
            Work("Foolbox", lambda: foolbox(self.images, self.answers), everything, self.median_l2),
            art(*ART_FASTEST),
            art(*ART_DEFAULT),
        ]

    def jsma(self) -> list[Work]:
        """JSMA towards the next class, by the map of single pixels that ART has."""
        everything = len(self.images)
        limit = int(self.images.shape[1] * GAMMA / 2)

        def art(name, batch, few):
            attack = peers.art(
                *(self.network, "SaliencyMapMethod"),
                theta=1.0,
                # ART stops when more than this share has been changed, one pair later than we do.
                gamma=(2 * limit - 1) / self.images.shape[1],
                batch_size=batch,
            )
            return Work(
                name,
                lambda: attack(self.images[:few], (self.labels[:few] + 1) % 10),
                few,
                self.beside(self.reached, lambda count: ours(False, count)),
            )

        def ours(pairs, count=everything):
            parameters = jsma.Parameters(gamma=GAMMA, target="next", pairs=pairs)
            moved = np.empty_like(self.images[:count])
            for part in gradients.batches(count):
                moved[part] = jsma.attack(
                    *(self.network, self.images[:count][part], self.labels[:count][part]),
                    parameters,
                ).images
            return moved

        return [
            Work(OURS, lambda: ours(False), everything, self.reached),
            art(*ART_FASTEST),
            art(*ART_DEFAULT),
            Work(
                "mirage, all pairs",
                lambda: ours(True),
                everything,
                self.reached,
                "the paper's map, which no peer here has",
            ),
        ]

    def lbfgs(self) -> list[Work]:
        """Box-constrained L-BFGS towards the runner-up."""
        some, few = 1_000, 10
        scipy = peers.scipy(self.network)

        def ours(count):
            parameters = lbfgs.Parameters(clip=CLIP)
            given = (self.network, self.images[:count], self.labels[:count])
            return lbfgs.attack(*given, parameters).images

        return [
            Work(OURS, lambda: ours(some), some, self.median_l2),
            Work(
                SCIPY,
                lambda: scipy(self.images[:few], self.labels[:few]),
                few,
                self.beside(self.median_l2, ours),
                "no peer here has the attack; older ones had SciPy's L-BFGS-B, as here",
            ),
        ]
