"""Where each indicator turns from green to yellow and red.

They were chosen from the meaning of the numbers and from controls that we make, networks on the
digits (tests/helpers/controls.py, at an epsilon of 0.1, 200 images): sound; overfitted, with and
without L2; logits times 1,000; distilled at temperature 100; pixels quantised; gradient stopped;
saturated sigmoids; adversarially trained; trained on a mixture with FGSM examples. The models of
others are the test: none of these numbers was chosen by them.
"""

# A share of images counts from here on, where its interval also excludes 0: a fiftieth, the size of
# the differences between published robust accuracies.
LOSS = 0.02

# --- Arithmetic ---------------------------------------------------------------------------------

# Margin beyond which the probability of the true class rounds to 1 where another class has all of
# the rest: -log of half of the type's machine epsilon, 2^-24 in float32.
MARGINS = {"float16": 7.6, "bfloat16": 5.5, "float32": 16.6, "float64": 36.7}
# Of wrong signs, at the image or in the mean along the path of an attack, whichever is more. Sound
# and adversarially trained controls have less than 0.0001, the one with L2 0.004; the overfitted
# one has 0.08, all others that are masked by arithmetic 0.9 and more.
SIGNS = (0.01, 0.05)
# Of zeros that are not those of the exact gradient: as for signs.
ZEROS = (0.01, 0.05)
# Of accuracies that common wrappers report, the largest minus the smallest.
WRAPPERS = LOSS

# --- The model ----------------------------------------------------------------------------------

# How far answers to the same image may be apart, relative to the largest logit, where they are
# computed in another batch: half of the type's digits, as in `mirage.models.output.CLOSE`.
ANSWERS = {"float64": 1e-8, "float32": 3e-4, "float16": 3e-2, "bfloat16": 9e-2}
# How far the slope along a direction may be from that of the gradient, relative to the sum of both:
# 0 where they agree, 1 where one is 0. Controls with a sound gradient have less than 0.0001, the
# one whose gradient is stopped has 1.
SLOPE_NEAR = 0.1
# The gradient's slope over that of the secant across the audited ball, in the median image.
# Controls with a sound gradient have 0.99 to 1.07; quantised, stopped and saturated ones less than
# 0.0001.
SLOPE_FAR = 0.05
# What a layer leaves of the length of a gradient, in the median image. Layers of the controls leave
# 0.6 and more, a Rescaling by 255 leaves 0.004; quantised, stopped and saturated less than 0.0001.
# A factor masks nothing by itself, so that this decides only beside another sign.
LAYER = 1e-3
# Ups and downs of the loss along a line through the ball, over its range: 1 where it is monotone,
# about 5 where all 16 values are drawn at random. Controls have 1.3 to 1.5, the quantised one 2.1.
NOISE = 3.0

# --- The attacks --------------------------------------------------------------------------------

# Of images that a shorter step misleads and the whole one does not. Sound networks have 0; those
# trained on FGSM examples of 0.3 have 0.18 at 0.2 and 0.28 at 0.3, of 0.1 and 0.2 at most 0.03.
OVERSHOT = 0.05
# Accuracy under one step minus that under many, both exact. Sound, overfitted and adversarially
# trained networks have at most 0.1; those trained on FGSM examples of 0.2 or 0.3 have 0.17 to 0.54.
GAP = 0.15
# Of the images that an attack of any size must mislead.
UNBOUNDED = LOSS
# Share of the clean accuracy that a robust network keeps in the worst case, as where the curve of
# accuracy by epsilon is said to halve.
HALF = 0.5
# Images of which the interval of a share of one half is wider than a tenth to either side.
FEW = 100
