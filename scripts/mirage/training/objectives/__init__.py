"""Training objectives, one file each.

`loss(network, images, labels, **parameters) -> scalar tensor`, called inside the compiled
epoch with one batch. An objective that draws at random takes `seed` as well, shape (2,), int32,
that of the step; one that learns from another network takes `teacher`. A new objective is a file
here and a branch of `objective` in scripts/mirage/study/model.py, with its parameters.
"""
