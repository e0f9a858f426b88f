"""Holds the command `mirage`: a file for each of its verbs.

Imports reporting and below.
"""
