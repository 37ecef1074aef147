"""What happens to the books when things break under load: ``python -m tests.load.chaos``.

64 clients ask, of a thousand users and then of one, while workers are killed, PostgreSQL is
restarted and crashed, and Redis is emptied and killed. Afterwards every answer that a client saw
to its end must be charged once, by what the upstream reported for it, to the token; no hold may be
left, and ``verify_ledger`` must find nothing. Before that, in peace, four workers must let through
exactly what a plan's limits allow of 200 requests at once.
"""
