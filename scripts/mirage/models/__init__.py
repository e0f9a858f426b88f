"""Holds networks, casts, checkpoints, the measures of their logits, and defences.

Imports data and below.
"""
