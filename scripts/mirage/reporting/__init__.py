"""Holds tables, figures, claims and their verdicts; imports study and below."""
