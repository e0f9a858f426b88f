"""Attacks called by name, their parameters as keywords."""

import importlib

from mirage.attacks.parameters import parameters_of


def attack(method, *given, epsilon=None, seed=(0,), signs=None, **parameters):
    """The result of an attack; `given` are network, images and labels."""
    function = importlib.import_module(f"mirage.attacks.{method}").attack
    known = {"epsilon": epsilon, "seed": seed, "signs": signs}
    return function(*given, parameters_of(method)(**parameters), **known)


def moved_by(method, *given, **options):
    """The adversarial images alone, as `attack` gives them."""
    return attack(method, *given, **options).images
