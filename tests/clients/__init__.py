"""Clients that people use, against the running server: ``make test-clients`` has them installed."""
