"""Mail servers and filters."""
