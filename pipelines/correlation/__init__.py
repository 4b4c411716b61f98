"""Sigma correlation rules over sets of matches, in event time."""
