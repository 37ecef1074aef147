"""What a site with several hosts does when parts of it fail: ``python -m tests.drill``.

All programs are real, and run on this machine: loopback addresses stand for hosts. ``site`` starts
them with the files of ``deploy/``: HAProxy with TLS, two web hosts, each with its own PgBouncer and
its own way to the database, two PostgreSQL servers under Patroni with etcd, a Valkey with Sentinels
for Celery's queue, and a Valkey Cluster for limits and caches. Clients ask at a steady rate while
each of ``scenes`` breaks one thing. After each, the ledger is verified, every answer that a client
saw to its end is compared with its receipt, and every receipt with the upstream's own journal.
"""
