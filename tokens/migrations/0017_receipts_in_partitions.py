from django.db import migrations

from tokens.migrations._partitions import RunSQLPatiently
from tokens.migrations._sql import install

# The existing table becomes the default partition: no row is moved or checked, and ids of any kind
# have a place. Its indexes are those that the partitioned table asks for, so none is built.
_PARTITION = """
LOCK TABLE tokens_usagerecord IN ACCESS EXCLUSIVE MODE;

DROP TRIGGER IF EXISTS usage_counts_for_keys_inserted ON tokens_usagerecord;
DROP TRIGGER IF EXISTS usage_counts_for_keys_updated ON tokens_usagerecord;
DROP TRIGGER IF EXISTS usage_counts_for_keys_deleted ON tokens_usagerecord;
DROP TRIGGER IF EXISTS usage_counts_for_sessions_inserted ON tokens_usagerecord;
DROP TRIGGER IF EXISTS usage_counts_for_sessions_updated ON tokens_usagerecord;
DROP TRIGGER IF EXISTS usage_counts_for_sessions_deleted ON tokens_usagerecord;

ALTER TABLE tokens_usagerecord RENAME TO tokens_usagerecord_default;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'tokens_usagerecord_pkey', 'usage_of_user_by_kind', 'usage_by_request', 'usage_by_time',
        'usage_of_session', 'usage_of_task', 'usage_awaiting_word'
    ] LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', name, name || '_default');
    END LOOP;
END $$;

CREATE TABLE tokens_usagerecord (
    LIKE tokens_usagerecord_default
    INCLUDING COMMENTS INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE
) PARTITION BY RANGE (id);
ALTER TABLE tokens_usagerecord ADD CONSTRAINT tokens_usagerecord_pkey PRIMARY KEY (id);
CREATE INDEX usage_of_user_by_kind ON tokens_usagerecord (user_id, created_at DESC, id DESC)
    INCLUDE (model, provider, api_key, status, prompt_tokens, completion_tokens, cached_tokens,
             cache_write_tokens, reasoning_tokens, charged, upstream_cost, cost);
CREATE INDEX usage_by_request ON tokens_usagerecord (user_id, request_id);
CREATE INDEX usage_by_time ON tokens_usagerecord (created_at);
CREATE INDEX usage_of_session ON tokens_usagerecord (user_id, session, created_at DESC, id DESC)
    WHERE NOT session = '';
CREATE INDEX usage_of_task ON tokens_usagerecord (user_id, task, created_at DESC, id DESC)
    WHERE NOT task = '';
CREATE INDEX usage_awaiting_word ON tokens_usagerecord (created_at) WHERE NOT final;

-- Those who may read the table may read the new one.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who,
               CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS grantable
          FROM pg_class, aclexplode(relacl)
         WHERE oid = 'tokens_usagerecord_default'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON tokens_usagerecord TO %s %s',
                       given.privilege_type, given.who, given.grantable);
    END LOOP;
END $$;

ALTER TABLE tokens_usagerecord ATTACH PARTITION tokens_usagerecord_default DEFAULT;
"""
_IS_PARTITIONED = "SELECT relkind = 'p' FROM pg_class WHERE oid = 'tokens_usagerecord'::regclass"


class Migration(migrations.Migration):
    """Receipts are in monthly partitions by their id. They are created ahead after each migrate.

    Functions name the row type of the table, which is a new one. They are replaced in the same
    transaction, and those of the former type are dropped by the next migration: calls that are
    running when this commits can end with them. So `tokens_compose_receipt` has a new name.
    """

    atomic = False  # requests wait for the first transaction only, which takes milliseconds
    dependencies = [("tokens", "0016_refused_requests")]

    operations = [
        RunSQLPatiently(
            _PARTITION + str(install("0017_receipts_in_partitions").sql), is_done=_IS_PARTITIONED
        ),
        migrations.RunSQL("ANALYZE tokens_usagerecord", migrations.RunSQL.noop),
    ]
