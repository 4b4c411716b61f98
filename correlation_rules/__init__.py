"""Detection and correlation rules with their tests, as package data."""
