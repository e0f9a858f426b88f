"""Holds the chain of checkpoints and the objectives it minimizes; imports attacks and below."""
