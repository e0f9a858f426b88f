"""Is this classifier robust, or is its gradient gone?

The rooms, from the bottom up; each imports only those before it:
runtime, data, models, attacks, training, evaluation, study, reporting.
"""
