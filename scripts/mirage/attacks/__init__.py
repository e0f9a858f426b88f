"""Attacks, one file each, all with one signature.

`attack(network, images, labels, *, epsilon, **parameters) -> adversarial images`: the network
computes gradients in its own floating-point type; `images`, shape (n, d), any float type, and
the images returned have the same shape and type, so that every precision of the gradient is
held against the same network and in the same ball. Pixels lie in 0 to 1, labels are integers.
Each is decorated with `mirage.attacks.inputs.checked`, which refuses anything else.

What the caller offers is passed to an attack that names it: `epsilon`, the size; `seed` of what it
draws at random; `signs`, of the gradient at the images where they are known already; `record`, a
dictionary to be filled with an array for each image: `iterations`, and `success` where that is
another thing than a misclassified image. An attack without `epsilon` looks for the smallest
perturbation itself. `ONE_STEP = True` in its file says that one job serves all epsilons.

A new attack is a file here and an entry in `attacks` of schemas/config.schema.yaml, with what each
of its parameters may be.
"""
