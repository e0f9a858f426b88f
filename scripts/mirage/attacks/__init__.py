"""Attacks, one file each, all called alike.

`attack(network, images, labels, parameters, *, epsilon, seed, signs) -> AttackResult`: the network
computes gradients in its own floating-point type. `images`, shape (n, d), any float type, and the
images returned have the same shape and type, so that every precision of the gradient is held
against the same network and in the same ball. Pixels lie in 0 to 1, labels are integers. Nothing
that is given is changed.

Each is decorated with `mirage.attacks.inputs.checked`, which refuses anything else, and which every
keyword may be left out of. An attack names those that it uses and takes the others as `**_`:

- `epsilon`, the size. An attack of the kind `minimal` gets None: it looks for the smallest
  perturbation itself.
- `seed`, one or more integers, of what it draws at random.
- `signs`, of the gradient followed at the images (`mirage.attacks.gradients.signs`), where they are
  known already.

`parameters` is the model in `mirage.attacks.parameters`, in a file of the attack's name. A new
attack is two files, one here and one there.
"""
