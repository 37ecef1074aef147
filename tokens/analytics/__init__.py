"""A copy of the receipts in ClickHouse (CLICKHOUSE_URL), for reports over many of them.

``outbox`` is what PostgreSQL notes of changes, ``copied`` the columns of the copy, ``warehouse``
the only caller of ClickHouse, ``feed`` what brings changes from one to the other, ``comparison``
the proof that both have the same sums, and ``figures`` what staff's pages read.

The ledger, its requests and their health depend on none of it: without CLICKHOUSE_URL, and while
ClickHouse is away, all figures are read from PostgreSQL. docs/analytics.md tells how it works.
"""
