"""Holds the configuration of a study: its reading, checking and planning.

Imports evaluation and below.
"""
