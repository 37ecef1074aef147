"""Signals for the apps above. Correctness does not depend on their receivers."""

from django.dispatch import Signal

# Most or all of a period's allowance is used. Sent once for each period and percentage, with
# user_id (int), percent (80 or 100) and available (tokens).
balance_low = Signal()

# An hour has cost far more than the user's usual one. Sent once in 24 hours at most, with user_id
# (int), hour (its beginning), charged and usual (tokens).
usage_runaway = Signal()
