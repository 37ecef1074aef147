"""Five million usage records of a year, for ten thousand users: what a busy site may have.

Every 25th record is of one heavy user (200,000 of them); the others fall to the rest by chance.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from tokens.models import Aggregation, Tier, UsageRecord
from tokens.usage import aggregates, partitions
from tokens.usage.partitions import Month

RECORDS = 5_000_000
USERS = 10_000

BALANCES = """
    INSERT INTO tokens_balance (
        user_id, tier_id, allocated, used, bonus, reserved, overdrawn, lapsing,
        period_start, period_end, anchor, due_at, renews_by, notified
    )
    SELECT id, 'free', 1000000000, 0, 0, 0, 0, 0, now() - interval '10 days',
           now() + interval '20 days', now() - interval '10 days', now() + interval '20 days',
           'schedule', 0
      FROM accounts_user
    ON CONFLICT DO NOTHING
"""
_RECORDS = """
    INSERT INTO tokens_usagerecord (
        id, user_id, request_id, api_key, endpoint, streamed, model, provider, upstream_id,
        status, source, final, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens,
        charged, price_prompt, price_completion, weight_prompt, weight_completion, cost,
        upstream_cost, attempts, available_before, available_after, first_byte_ms, duration_ms,
        created_at
    )
    SELECT (
               lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
               || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)
           )::uuid, owner, 'req-' || n, md5(owner::text || '-' || n %% 3)::uuid,
           'chat/completions', true, (%(models)s::text[])[1 + floor(12 * random() ^ 2)::int],
           provider, 'gen-' || n,
           CASE WHEN random() < 0.97 THEN 'ok' ELSE 'failed' END, 'reported', true,
           prompt, completion, prompt / 4, 0, prompt + completion, 0.00000015, 0.0000006, 1, 1,
           prompt * 0.00000015 + completion * 0.0000006,
           prompt * 0.00000015 + completion * 0.0000006,
           jsonb_build_array(jsonb_build_object(
               'provider', provider, 'outcome', 'ok', 'status', 200, 'ms', 412
           )),
           1000000, 1000000 - prompt - completion, 412, 300 + floor(5000 * random() ^ 3)::int,
           at
      FROM (
        SELECT n, now() - interval '1 year' * (1 - n / %(records)s::float) AS at,
               (100 + 4000 * random() ^ 2)::bigint AS prompt,
               (20 + 1500 * random() ^ 2)::bigint AS completion,
               (ARRAY['openrouter', 'glama', 'requesty'])[1 + floor(3 * random() ^ 2)::int]
                   AS provider,
               (%(users)s::bigint[])[
                   CASE WHEN n %% 25 = 0 THEN 1
                        ELSE 2 + floor((%(count)s - 1) * random())::int END
               ] AS owner
          FROM generate_series(1, %(records)s) AS n
      ) AS drawn
"""
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes i
     WHERE tablename = 'tokens_usagerecord'
       AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = i.indexname)
"""


def seeded(records: int = RECORDS) -> list[int]:
    """Return the ids of the users, the heavy one first; write the records unless they are there."""
    users = _users()
    if UsageRecord.objects.count() != records:
        sys.stderr.write(f"writing {records:,} records …\n")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BALANCES)
            _write(users, records)
        Aggregation.objects.all().delete()
        sys.stderr.write("summing their days …\n")
        aggregates.aggregate()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return users


def _months_of_the_year() -> Iterator[Month]:
    """Yield the months of the records that have no partition."""
    today = timezone.now().date()
    month = Month((today - timedelta(days=366)).replace(day=1))
    while month.first <= today:
        if month not in partitions.present():
            yield month
        month = month.next


def _users() -> list[int]:
    Tier.objects.get_or_create(name="free", defaults={"title": "Free", "monthly_tokens": 10**9})
    people = get_user_model().objects
    names = [f"bench{number}@example.com" for number in range(USERS)]
    if people.count() < USERS:
        people.bulk_create((people.model(email=name) for name in names), ignore_conflicts=True)
    return list(people.order_by("pk").values_list("pk", flat=True)[:USERS])


def _write(users: list[int], records: int) -> None:
    """Write them in the order of time; the indexes are built after."""
    models = [f"maker-{number % 4}/model-{number}" for number in range(12)]
    drawn: dict[str, Any] = {
        "users": users,
        "count": len(users),
        "records": records,
        "models": models,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no look-up of each user
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute("TRUNCATE tokens_usagerecord")
        for month in _months_of_the_year():
            partitions.create(month)
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(_RECORDS, drawn)
        for _, definition in indexes:
            cursor.execute(definition.replace(" ON ONLY ", " ON "))
