"""Training objectives, one file each.

`loss(network, images, labels, **parameters) -> scalar tensor`, called inside the compiled
epoch with one batch. A new objective is a file here and a branch of `objective` in
schemas/config.schema.yaml, with its parameters.
"""
