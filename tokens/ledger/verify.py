"""Checking the ledger: every stored sum is compared with the rows that it summarizes."""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class Discrepancy:
    """One inconsistency of the ledger: the rule, the user, and both figures."""

    rule: str
    user_id: int
    stored: int
    counted: int

    def __str__(self) -> str:
        return f"{self.rule}: user {self.user_id} has {self.stored}, counted {self.counted}"


# The first day whose records are kept; earlier ones were pruned (retention). An entry is written
# when its request ends, which can be two days after the time in its record.
_KEPT = """
    (SELECT day, day::timestamp AT TIME ZONE 'UTC' AS since
       FROM (SELECT COALESCE(MAX(pruned_until), '-infinity') AS day FROM tokens_aggregation) AS p
    ) AS tokens_kept
"""
# Each query returns (user_id, stored, counted) where the two differ.
_RULES = {
    "balance equals the sum of its entries": """
        SELECT b.user_id, b.allocated + b.bonus - b.used - b.overdrawn, COALESCE(e.total, 0)
          FROM tokens_balance b
          LEFT JOIN (SELECT user_id, SUM(amount) AS total FROM tokens_entry GROUP BY user_id) e
            ON e.user_id = b.user_id
         WHERE b.allocated + b.bonus - b.used - b.overdrawn <> COALESCE(e.total, 0)""",
    "reserved equals the sum of the held reservations": """
        SELECT b.user_id, b.reserved, COALESCE(r.total, 0)
          FROM tokens_balance b
          LEFT JOIN (SELECT user_id, SUM(amount) AS total FROM tokens_reservation
                      WHERE state = 'held' GROUP BY user_id) r ON r.user_id = b.user_id
         WHERE b.reserved <> COALESCE(r.total, 0)""",
    "bonus equals what is left of the grants": """
        SELECT b.user_id, b.bonus, COALESCE(g.total, 0)
          FROM tokens_balance b
          LEFT JOIN (SELECT user_id, SUM(remaining) AS total FROM tokens_grant
                      WHERE remaining > 0 GROUP BY user_id) g ON g.user_id = b.user_id
         WHERE b.bonus <> COALESCE(g.total, 0)""",
    "every user with reservations or charges has a balance": """
        SELECT user_id, 1, 0
          FROM (SELECT user_id FROM tokens_reservation UNION SELECT user_id FROM tokens_entry
                UNION SELECT user_id FROM tokens_usagerecord) AS known
         WHERE NOT EXISTS (SELECT 1 FROM tokens_balance b WHERE b.user_id = known.user_id)""",
    "a receipt's charge equals its entries": """
        SELECT u.user_id, u.charged, COALESCE(-e.amount, 0) + COALESCE(-a.amount, 0)
          FROM tokens_usagerecord u
          LEFT JOIN tokens_entry e ON e.kind = 'usage' AND e.source = u.id::text
          LEFT JOIN tokens_entry a ON a.kind = 'adjustment' AND a.source = u.id::text
         WHERE u.charged <> COALESCE(-e.amount, 0) + COALESCE(-a.amount, 0)""",
    "a receipt's charge is what its tokens weigh": """
        SELECT u.user_id, u.charged, tokens_weighed(u)
          FROM tokens_usagerecord u
         WHERE u.weight_prompt IS NOT NULL AND u.weight_completion IS NOT NULL
           AND u.charged <> tokens_weighed(u)""",
    "an adjusted receipt is final": """
        SELECT u.user_id, 0, 1
          FROM tokens_usagerecord u
          JOIN tokens_entry a ON a.kind = 'adjustment' AND a.source = u.id::text
         WHERE NOT u.final""",
    "every charge has a receipt": f"""
        SELECT e.user_id, -e.amount, 0
          FROM tokens_entry e, {_KEPT}
         WHERE e.kind = 'usage'
           AND e.created_at >= tokens_kept.since + interval '2 days'
           AND NOT EXISTS (SELECT 1 FROM tokens_usagerecord u WHERE u.id::text = e.source)""",  # noqa: S608
    "what was charged until days were pruned equals their sums and the receipts": f"""
        SELECT e.user_id, e.charged, COALESCE(d.charged, 0) + COALESCE(u.charged, 0)
          FROM {_KEPT}
          JOIN (SELECT user_id, -SUM(amount) AS charged FROM tokens_entry
                 WHERE kind = 'usage'
                    OR (kind = 'adjustment' AND source ~ '^[0-9a-f]{{8}}-[0-9a-f-]{{27}}$')
                 GROUP BY user_id) e ON tokens_kept.since > '-infinity'
          LEFT JOIN (SELECT user_id, SUM(charged) AS charged FROM tokens_dailyusage s, {_KEPT}
                      WHERE s.day < tokens_kept.day GROUP BY user_id) d ON d.user_id = e.user_id
          LEFT JOIN (SELECT user_id, SUM(charged) AS charged FROM tokens_usagerecord, {_KEPT}
                      WHERE created_at >= tokens_kept.since GROUP BY user_id) u
            ON u.user_id = e.user_id
         WHERE e.charged <> COALESCE(d.charged, 0) + COALESCE(u.charged, 0)""",  # noqa: S608
    "every settled reservation has a receipt": """
        SELECT r.user_id, 1, 0
          FROM tokens_reservation r
         WHERE r.state = 'settled'
           AND NOT EXISTS (SELECT 1 FROM tokens_usagerecord u WHERE u.id = r.id)""",
    "what a key has spent equals its receipts": """
        SELECT MIN(u.user_id), k.charged, SUM(u.charged)
          FROM tokens_keyspending k
          JOIN tokens_usagerecord u
            ON u.api_key = k.api_key AND tokens_month(u.created_at) = k.month
         GROUP BY k.api_key, k.month, k.charged
        HAVING k.charged <> SUM(u.charged)""",
    "what a session has spent equals its receipts": """
        SELECT s.account, s.charged, tokens_session_counted(s.account, s.kind, s.name)
          FROM tokens_sessionspending s
         WHERE s.charged <> tokens_session_counted(s.account, s.kind, s.name)""",
    "tokens past their time are not available": """
        SELECT user_id, allocated + bonus - used - reserved, 0
          FROM tokens_balance
         WHERE lapsing > 0 AND allocated + bonus - used - reserved > 0""",
    "a balance falls due when its period or a bonus ends": """
        SELECT b.user_id, COALESCE(extract(epoch FROM b.due_at), 0),
               extract(epoch FROM LEAST(p.ends, g.ends))
          FROM tokens_balance b
          LEFT JOIN (SELECT user_id, period_end AS ends FROM tokens_balance
                      WHERE renews_by = 'schedule') p ON p.user_id = b.user_id
          LEFT JOIN (SELECT user_id, min(expires_at) AS ends FROM tokens_grant
                      WHERE remaining > 0 GROUP BY user_id) g ON g.user_id = b.user_id
         WHERE COALESCE(b.due_at, 'infinity') > LEAST(p.ends, g.ends)""",
    "an expired bonus took no more than it had": """
        SELECT g.user_id, g.amount - g.remaining, -e.total
          FROM tokens_grant g
          JOIN (SELECT split_part(source, ':', 2)::bigint AS id, SUM(amount) AS total
                  FROM tokens_entry WHERE kind = 'expiry' AND source LIKE 'bonus:%%'
                 GROUP BY 1) e ON e.id = g.id
         WHERE g.remaining > 0 OR -e.total > g.amount""",
    "an expiry only takes": """
        SELECT user_id, amount, 0 FROM tokens_entry WHERE kind = 'expiry' AND amount > 0""",
    "an adjustment equals its entry": """
        SELECT a.user_id, a.amount, COALESCE(e.amount, 0)
          FROM tokens_adjustment a
          LEFT JOIN tokens_entry e
            ON e.kind = CASE a.kind WHEN 'renewal' THEN 'allowance' ELSE 'adjustment' END
           AND e.source = CASE a.kind WHEN 'renewal' THEN a.source
                                      ELSE a.kind || ':' || a.source END
         WHERE a.amount <> COALESCE(e.amount, 0)
           AND NOT (a.kind = 'renewal' AND a.amount = 0)""",
    "every plan change and refund in the entries has its adjustment": """
        SELECT e.user_id, e.amount, 0
          FROM tokens_entry e
         WHERE e.kind = 'adjustment' AND e.source ~ '^(tier|take_back):'
           AND NOT EXISTS (SELECT 1 FROM tokens_adjustment a
                            WHERE a.kind || ':' || a.source = e.source)""",
}


def verify(*, user_id: int | None = None) -> list[Discrepancy]:
    """Check every rule, for one user or for all; [] if the ledger is consistent.

    This is one statement with one snapshot, so it can run while requests are served.
    """
    rules = " UNION ALL ".join(
        f"SELECT {number}, * FROM ({query}) AS rule_{number} (user_id, stored, counted)"  # noqa: S608
        for number, query in enumerate(_RULES.values())
    )
    condition, parameters = ("", []) if user_id is None else ("WHERE user_id = %s", [user_id])
    names = list(_RULES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({rules}) AS found (rule, user_id, stored, counted) {condition}",  # noqa: S608
            parameters,
        )
        return [Discrepancy(names[rule], *map(int, row)) for rule, *row in cursor.fetchall()]
