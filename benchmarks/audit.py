"""The attacks of an audit against those of ART and Foolbox, with its images and its budgets."""

import math
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from benchmarks import peers
from benchmarks.attacks import ART, Attacks, Work
from benchmarks.comparison import OURS, Side
from mirage.auditing import attempts
from mirage.auditing.network import prepare

EPSILON = 0.1
IMAGES = 1_000
STEP = 0.1 * EPSILON  # of PGD, as ours


class Audited(Attacks):
    """Comparisons of attacks as an audit makes them: one process, all threads."""

    def __init__(self, network: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
        """Network; images (n, 784), float32 in 0 to 1, of which the first are taken; labels."""
        super().__init__(network, images[:IMAGES], labels[:IMAGES])
        self.subject = prepare(network, self.images, self.labels, (0, 1))

    def sides(self, part: str, threads: int) -> list[Side]:
        """The sides of a comparison; an audit is one process, whatever the threads."""
        return [self.alone(work, work.name) for work in getattr(self, part)()]

    def ours(self, name: str) -> Work:
        """Our side: an attack by its name in `mirage.auditing.attempts.ATTACKS`."""

        def run() -> np.ndarray:
            # A subject of its own remembers nothing of the run before.
            attack, subject = attempts.ATTACKS[name], replace(self.subject)
            return attack.make(subject, subject.images, subject.labels, EPSILON, "linf", 0)

        return Work(OURS, run, len(self.images), self.accuracy)

    def exact(self, name: str, note: str = "") -> Work:
        """The same along the exact direction, which no peer has."""
        return replace(self.ours(name), name=f"{OURS}, exact", note=note)

    def theirs(self, name: str, attack: Callable) -> Work:
        """A peer's side, on all of the images."""
        run = lambda: attack(self.images, self.labels)  # noqa: E731
        return Work(name, run, len(self.images), self.accuracy)

    def art(self, name: str, **parameters: object) -> Work:
        """An attack of ART, on all images at once."""
        attack = peers.art(self.network, name, batch_size=len(self.images), **parameters)
        return self.theirs(ART, attack)

    def foolbox(self, name: str, **parameters: object) -> Work:
        """An attack of Foolbox, on all images at once."""
        return self.theirs("Foolbox", peers.foolbox(self.network, name, EPSILON, **parameters))

    def audit_fgsm(self) -> list[Work]:
        """One step."""
        return [
            self.ours("fgsm_plain"),
            self.exact("fgsm_exact", "its gradient in float64"),
            self.foolbox("LinfFastGradientAttack"),
            self.art("FastGradientMethod", eps=EPSILON),
        ]

    def audit_pgd(self) -> list[Work]:
        """PGD from a random start."""
        steps = attempts.STEPS
        return [
            self.ours("pgd_plain"),
            self.exact("pgd_exact"),
            self.foolbox("LinfPGD", abs_stepsize=STEP, steps=steps, random_start=True),
            self.art(
                *("ProjectedGradientDescent",),
                **{"eps": EPSILON, "eps_step": STEP, "max_iter": steps, "num_random_init": 1},
            ),
        ]

    def audit_apgd(self) -> list[Work]:
        """Auto-PGD on the cross-entropy; ours on the log-odds, which have its direction."""
        return [self.ours("apgd_exact"), self._art_apgd("cross_entropy")]

    def audit_apgd_dlr(self) -> list[Work]:
        """Auto-PGD on the difference of logits ratio."""
        return [self.ours("apgd_dlr"), self._art_apgd("difference_logits_ratio")]

    def audit_square(self) -> list[Work]:
        """The Square Attack, which takes images of two dimensions at ART."""
        side = math.isqrt(self.images.shape[1])
        pixels = keras.Input((side, side, 1))
        network = keras.Model(pixels, self.network(keras.layers.Flatten()(pixels)))
        attack = peers.art(
            *(network, "SquareAttack"),
            **{"eps": EPSILON, "max_iter": attempts.QUERIES, "p_init": 0.8, "nb_restarts": 1},
            batch_size=len(self.images),
        )

        def square(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            return attack(images.reshape(-1, side, side, 1), labels).reshape(images.shape)

        return [self.ours("square"), self.theirs(ART, square)]

    def _art_apgd(self, loss: str) -> Work:
        return self.art(
            *("AutoProjectedGradientDescent",),
            **{"eps": EPSILON, "eps_step": 2 * EPSILON, "max_iter": attempts.ITERATIONS},
            **{"nb_random_init": 1, "loss_type": loss},
        )
