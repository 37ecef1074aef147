"""How many Python functions a request calls: a figure that no busy machine changes."""
