"""Measures of adversarial robustness: data, networks, attacks and what is read from them."""
