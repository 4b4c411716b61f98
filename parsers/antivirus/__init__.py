"""Antivirus."""
