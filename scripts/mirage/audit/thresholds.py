"""Where each indicator turns from green to yellow and red.

They were chosen from controls that we make (tests/compute/test_audit_controls.py) and from what the
numbers mean, before any model of others was looked at; those are the test.
"""

# A share of images counts from here on, where its interval also excludes 0: a fiftieth, the size of
# the differences between published robust accuracies.
LOSS = 0.02

# --- Arithmetic ---------------------------------------------------------------------------------

# Margin beyond which the probability of the true class rounds to 1 where another class has all of
# the rest: -log of half of the type's machine epsilon, 2^-24 in float32.
MARGINS = {"float16": 7.6, "bfloat16": 5.5, "float32": 16.6, "float64": 36.7}
# Of wrong signs along the path of an attack. Sound networks (the digits, 10 epochs) have up to
# 0.002, by rounding of sums alone; the overfitted one has 0.2 and more.
SIGNS = (0.01, 0.05)
# Of zeros that are not those of the exact gradient: as for signs.
ZEROS = (0.01, 0.05)
# Of accuracies that common wrappers report, the largest minus the smallest.
WRAPPERS = LOSS

# --- The model ----------------------------------------------------------------------------------

# How far answers to the same image may be apart, relative to the largest logit, where they are
# computed in another batch: half of the type's digits, as in `mirage.audit.output.CLOSE`.
ANSWERS = {"float64": 1e-8, "float32": 3e-4, "float16": 3e-2, "bfloat16": 9e-2}
# Of how far the slope along a direction may be from that of the gradient, relative to the sum of
# both: 0 where they agree, 1 where one is 0. Smooth networks have less than 0.01 at the small
# step, but for the kinks of ReLU.
SLOPE_NEAR = 0.1
# The gradient's slope over that of the secant across the audited ball, in the median image. Sound
# networks have 0.4 to 3; quantised and saturated ones less than 0.001.
SLOPE_FAR = 0.05
# What a layer leaves of the length of a gradient, in the median image. Dense, convolution, pooling
# and normalizing layers leave 0.01 and more, a Rescaling by 255 leaves 0.004.
LAYER = 1e-3
# Ups and downs of the loss along a line through the ball, over its range; 1 where it is monotone,
# and 5 where all 16 values are drawn at random. Sound networks have 1 to 1.6.
NOISE = 3.0

# --- The attacks --------------------------------------------------------------------------------

# Of images that a shorter step misleads and the whole one does not. Sound networks have up to 0.02
# where the whole step goes beyond the other class; one trained on FGSM examples has more.
OVERSHOT = 0.05

# Of the images that an attack of any size must mislead.
UNBOUNDED = LOSS
