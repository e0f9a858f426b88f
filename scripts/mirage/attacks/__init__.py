"""Attacks, one file each, all with one signature.

`attack(network, images, labels, *, epsilon, **parameters) -> adversarial images`: the network
computes gradients in its own floating-point type; `images`, shape (n, 784), any float type, and
the images returned have the same shape and type, so that every precision of the gradient is
held against the same network and in the same ball. An attack that draws at random takes `seed`;
a one-step attack takes `slope`, its gradient where that is known already, since one gradient
serves all epsilons.

A new attack is a file here and a branch of `attacks` in schemas/config.schema.yaml, with its
parameters; a one-step attack stands in `ONE_STEP` of `mirage.config` too.
"""
