"""Training objectives, one file each.

`loss(network, images, labels, **parameters) -> scalar tensor`, called inside the compiled
epoch with one batch. A new objective is a file here and its name in `OBJECTIVES` of
`mirage.config`.
"""
