"""All that a database holds beside its rows: to compare two that were made in different ways."""

import re

import psycopg

Schema = dict[str, str]

_OURS = """
    n.nspname = 'public' AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')
"""
# They follow the calendar, not the migrations.
_OF_A_MONTH = re.compile(r"tokens_usagerecord_\d{4}_\d{2}")
# Each gives (name, definition).
_QUERIES = {
    "function": f"""
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE p.prokind IN ('f', 'p') AND {_OURS.format(oid="p.oid")}""",
    "table": f"""
        SELECT c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.reloptions::text)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c', 'S') AND {_OURS.format(oid="c.oid")}""",
    "column": f"""
        SELECT format('%s.%s', c.relname, a.attname),
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                         a.attgenerated, a.attcollation, pg_get_expr(v.adbin, v.adrelid))
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef v ON v.adrelid = c.oid AND v.adnum = a.attnum
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c') AND a.attnum > 0 AND NOT a.attisdropped
           AND {_OURS.format(oid="c.oid")}""",
    "constraint": f"""
        SELECT format('%s.%s', o.conrelid::regclass, o.conname), pg_get_constraintdef(o.oid)
          FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
         WHERE {_OURS.format(oid="o.oid")}""",
    "index": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "trigger": f"""
        SELECT format('%s.%s', t.tgrelid::regclass, t.tgname),
               concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid))
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND {_OURS.format(oid="t.oid")}""",
}


def schema_of(database: psycopg.Connection) -> Schema:
    """Return the definition of everything in it but monthly partitions, by kind and name."""
    return {
        f"{kind} {name}": definition
        for kind, query in _QUERIES.items()
        for name, definition in database.execute(query.encode()).fetchall()
        if not _OF_A_MONTH.match(name)
    }


def drop_functions(database: psycopg.Connection) -> None:
    """Drop every function of ours, with the triggers that call it, and every composite type."""
    database.execute("""
        DO $$
        DECLARE
            name text;
        BEGIN
            FOR name IN
                SELECT 'FUNCTION ' || p.oid::regprocedure FROM pg_proc p
                 WHERE p.pronamespace = 'public'::regnamespace
                   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND deptype = 'e')
                UNION ALL
                SELECT 'TYPE ' || c.relname FROM pg_class c
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'c'
            LOOP
                EXECUTE format('DROP %s CASCADE', name);
            END LOOP;
        END $$
    """)
