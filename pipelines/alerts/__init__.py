"""Alerts: their documents, ids and exceptions."""
