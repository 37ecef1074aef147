"""Signals that accounts send to the apps above them."""

from django.dispatch import Signal

# Sent with `user` inside the transaction that deletes the account: a receiver that raises keeps
# the account as it was. The user's row is locked, and still says who they were.
account_deleted = Signal()

# Sent with `user` inside the transaction of the password reset that first proves their address:
# whatever was made before may be somebody else's.
ownership_proven = Signal()
