"""Holds what every job needs of its machine: devices, whole files, code hashes, provenance.

Imports nothing of mirage.
"""
