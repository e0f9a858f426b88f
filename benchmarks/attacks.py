"""Our attacks against those of ART, Foolbox and CleverHans, on one network and the same images."""

from collections.abc import Callable

import numpy as np

from benchmarks import peers, training
from benchmarks.comparison import OURS, Side
from benchmarks.setting import Setting
from mirage import gradients
from mirage.attacks import deepfool, fgsm, jsma, lbfgs, pgd

CLIP = (0.0, 1.0)
EPSILONS = [0.02 * number for number in range(1, 11)]
PGD = {"epsilon": 0.1, "steps": 40, "step": 0.01}
# The paper's: 14.5 % of the pixels.
GAMMA = 0.145

Answer = tuple[str, float]


# Images at once: what each peer was fastest with, of a few sizes tried on two cores. It decides
# much: of ART's DeepFool an image takes half as long among 1,000 as among 200. For its slow attacks
# also how many images are run.
FOOLBOX_BATCH = {"fgsm": 2_000, "pgd": 10_000, "deepfool": 2_000}
ART = "ART"
ART_FASTEST = (ART, 1_000, 1_000)
# It takes one image at a time where it is not told otherwise.
ART_DEFAULT = (f"{ART}, its own batch size", 1, 50)


def joined(moved: object) -> np.ndarray:
    """Images as one array, whether a side gives an array, a tensor or a list of batches."""
    return (
        np.concatenate([np.asarray(part) for part in moved])
        if isinstance(moved, list)
        else (np.asarray(moved))
    )


class Attacks:
    """All comparisons of attacks, by name, as functions that give their sides."""

    def __init__(self, setting: Setting) -> None:
        """The network and the images are those of the setting."""
        self.network = setting.network
        self.images, self.labels = setting.attacked
        answers = gradients.logits(self.network, self.images).argmax(axis=1)
        # Minimal attacks change the network's own answer, whatever the image shows.
        self.answers = answers.astype(np.int64)

    # What comes of an attack.

    def accuracy(self, moved: object) -> Answer:
        """Share of images that the network takes for what they are."""
        return "accuracy", float((self.predictions(moved) == self.labels).mean())

    def predictions(self, images: object) -> np.ndarray:
        """The network's answers, shape (n,)."""
        return gradients.logits(self.network, joined(images)).argmax(axis=1)

    def median_l2(self, moved: object) -> Answer:
        """Median length of the perturbations of the images whose answer changed."""
        moved = joined(moved)
        length = np.linalg.norm(moved - self.images[: len(moved)], axis=1)
        misled = self.predictions(moved) != self.answers[: len(moved)]
        share = f"median L2 of the {misled.mean():.1%} misled"
        return share, float(np.median(length[misled])) if misled.any() else float("nan")

    def reached(self, moved: object) -> Answer:
        """Share of images that the network takes for the target class."""
        moved = joined(moved)
        targets = (self.labels[: len(moved)] + 1) % 10
        return "target reached", float((self.predictions(moved) == targets).mean())

    def beside(self, quality: Callable, ours: Callable[[], np.ndarray]) -> Callable:
        """A side's quality with ours on the same images, which are fewer than our own side's."""

        def found(moved):
            name, value = quality(moved)
            return f"{name} (ours on these: {quality(ours())[1]:.4g})", value

        return found

    # The attacks.

    def side(self, name: str, attack: Callable, done: int, quality: Callable, note="") -> Side:
        """One side on the first `done` images."""
        return Side(name, attack, done, len(self.images), quality, note)

    def limit(self, passes: int) -> Side:
        """So many passes of all images through the network, forward or backward."""
        operations = passes * sum(training.forward(self.network)) * len(self.images)
        return training.limit(operations, "float32", len(self.images), len(self.images))

    def fgsm(self) -> list[Side]:
        """Adversarial images at ten epsilons, each set dropped when the next is made."""
        return self.sweep(answers=False)

    def fgsm_accuracy(self) -> list[Side]:
        """The same, and the network's accuracy on each set: what a sweep is for."""
        return self.sweep(answers=True)

    def sweep(self, *, answers: bool) -> list[Side]:
        """FGSM at ten epsilons, with or without the accuracies."""
        everything = slice(0, len(self.images))

        def ours():
            for part in gradients.batches(len(self.images)):
                images, labels = self.images[part], self.labels[part]
                signs = gradients.sign(
                    gradients.input_gradient(self.network, images, labels, "cross_entropy_sum")
                )
                for number, epsilon in enumerate(EPSILONS):
                    moved = fgsm.attack(
                        *(self.network, images, labels),
                        epsilon=epsilon,
                        gradient="cross_entropy_sum",
                        clip=CLIP,
                        signs=signs,
                    )
                    yield number, part, moved

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

        def accuracies(sets):
            right = np.zeros(len(EPSILONS))
            for number, part, moved in sets:
                right[number] += (self.predictions(moved) == self.labels[part]).sum()
            return right / len(self.images)

        def images_only(sets):
            for _ in sets:
                pass

        def side(name, sets, note=""):
            return self.side(
                name,
                lambda: (accuracies if answers else images_only)(sets()),
                len(self.images),
                lambda _: ("mean accuracy", float(accuracies(sets()).mean())),
                note,
            )

        # One call gives it all.
        theirs = self.side(
            "Foolbox",
            lambda: foolbox(self.images, self.labels),
            len(self.images),
            lambda misled: ("mean accuracy", 1 - float(np.mean(misled))),
            "its call always finds out whether each image is misled",
        )
        # Forward and back for the gradient, forward for each epsilon. What bounds the images alone
        # is memory.
        bound = [self.limit(2 + len(EPSILONS))] if answers else []
        return [
            side(OURS, ours),
            theirs,
            side("CleverHans", lambda: one_by_one(cleverhans)),
            side("ART", lambda: one_by_one(art), "its call always computes its own success"),
            *bound,
        ]

    def pgd(self) -> list[Side]:
        """40 steps in the L-infinity ball, from the image itself."""
        everything = len(self.images)

        def ours():
            moved = np.empty_like(self.images)
            for part in gradients.batches(everything):
                moved[part] = pgd.attack(
                    *(self.network, self.images[part], self.labels[part]),
                    epsilon=PGD["epsilon"],
                    gradient="cross_entropy_sum",
                    steps=PGD["steps"],
                    relative_step=PGD["step"] / PGD["epsilon"],
                    random_start=False,
                    clip=CLIP,
                )
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
            self.side(OURS, ours, everything, self.accuracy),
            *(
                self.side(
                    name,
                    lambda attack=attack: attack(self.images, self.labels),
                    everything,
                    self.accuracy,
                )
                for name, attack in [("Foolbox", foolbox), ("CleverHans", cleverhans), ("ART", art)]
            ),
            self.limit(2 * PGD["steps"]),
        ]

    def deepfool(self) -> list[Side]:
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
            return self.side(
                name,
                lambda: attack(self.images[:few], None),
                few,
                self.beside(self.median_l2, lambda: ours(few)),
            )

        def ours(count):
            return deepfool.attack(
                self.network, self.images[:count], self.labels[:count], clip=CLIP
            )

        return [
            self.side(
                OURS,
                lambda: ours(everything),
                everything,
                self.median_l2,
            ),
            self.side(
                "Foolbox", lambda: foolbox(self.images, self.answers), everything, self.median_l2
            ),
            art(*ART_FASTEST),
            art(*ART_DEFAULT),
        ]

    def jsma(self) -> list[Side]:
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
            return self.side(
                name,
                lambda: attack(self.images[:few], (self.labels[:few] + 1) % 10),
                few,
                self.beside(self.reached, lambda: ours(False, few)),
            )

        def ours(pairs, count=everything):
            moved = np.empty_like(self.images[:count])
            for part in gradients.batches(count):
                moved[part] = jsma.attack(
                    *(self.network, self.images[:count][part], self.labels[:count][part]),
                    gamma=GAMMA,
                    target="next",
                    pairs=pairs,
                )
            return moved

        return [
            self.side(OURS, lambda: ours(False), everything, self.reached),
            art(*ART_FASTEST),
            art(*ART_DEFAULT),
            self.side(
                "mirage, all pairs",
                lambda: ours(True),
                everything,
                self.reached,
                "the paper's map, which no peer here has",
            ),
        ]

    def lbfgs(self) -> list[Side]:
        """Box-constrained L-BFGS towards the runner-up."""
        some, few = 1_000, 10
        scipy = peers.scipy(self.network)

        def ours(count):
            return lbfgs.attack(self.network, self.images[:count], self.labels[:count], clip=CLIP)

        return [
            self.side(
                OURS,
                lambda: ours(some),
                some,
                self.median_l2,
            ),
            self.side(
                "SciPy, one by one",
                lambda: scipy(self.images[:few], self.labels[:few]),
                few,
                self.beside(self.median_l2, lambda: ours(few)),
                "no peer here has the attack; older ones had SciPy's L-BFGS-B, as here",
            ),
        ]
