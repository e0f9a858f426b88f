"""How large the data sets are."""

# Training images, test images, and values of an image of each data set.
SIZES = {
    "mnist": (60_000, 10_000, 28 * 28),
    "fashion_mnist": (60_000, 10_000, 28 * 28),
    "cifar10": (50_000, 10_000, 32 * 32 * 3),
    "digits": (1_347, 450, 28 * 28),
}
