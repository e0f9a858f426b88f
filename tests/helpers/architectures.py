"""Architectures in few words."""


def mlp(*hidden, **more):
    """Fully connected, with these hidden layers."""
    return {"name": "mlp", "hidden": list(hidden), **more}


def cnn(*filters, dense, **dropout):
    """Convolutions with these filters and a dense layer."""
    return {"name": "cnn", "filters": list(filters), "dense": dense, **dropout}


LENET = {"name": "lenet"}
