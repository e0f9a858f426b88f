"""Figures: one module per kind of plot, each with `draw(figure, data, published)`."""
