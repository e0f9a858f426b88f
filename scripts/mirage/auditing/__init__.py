"""Holds the audit of anybody's classifier, from a file and data; imports evaluation and below."""
