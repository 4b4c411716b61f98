"""Servers: operating systems and what runs on them."""
