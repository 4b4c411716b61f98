"""Sigma detection rules: load, compile, match, explain."""
