"""What Tocsin's fields are, and the values that travel between its rooms."""
