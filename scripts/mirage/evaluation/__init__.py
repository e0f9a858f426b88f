"""Holds the passes of attacks and measures over checkpoints; imports training and below."""
