-- Holds whose request takes a while, and those whose process has died.

-- Push the deadlines of running requests out: those of a dead process pass. One that is being
-- closed at this moment needs none, and waiting for it could close a circle of locks.
CREATE OR REPLACE FUNCTION tokens_renew(held uuid[], ttl double precision)
RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_reservation
       SET expires_at = clock_timestamp() + make_interval(secs => ttl)
     WHERE id IN (
        SELECT id FROM tokens_reservation
         WHERE id = ANY(held) AND state = 'held' FOR UPDATE SKIP LOCKED
     );
$$;


-- Note with held reservations who answers them, so that the word of a dead process's requests can
-- be asked for. One that is being closed at this moment has a receipt that says it.
CREATE OR REPLACE FUNCTION tokens_trace(held uuid[], providers text[], upstream_ids text[])
RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_reservation AS hold
       SET provider = seen.provider, upstream_id = seen.upstream_id
      FROM unnest(held, providers, upstream_ids) AS seen(id, provider, upstream_id)
     WHERE hold.id = seen.id AND hold.id IN (
        SELECT id FROM tokens_reservation
         WHERE id = ANY(held) AND state = 'held' FOR UPDATE SKIP LOCKED
     );
$$;


-- Free up to `at_most` holds whose deadline has passed; answers how many. A request of the proxy
-- leaves a provisional receipt of nothing charged, which reconciliation or a late settle replaces.
CREATE OR REPLACE FUNCTION tokens_expire(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    hold record;
    room bigint;
    over bigint;
    freed integer := 0;
BEGIN
    FOR hold IN
        SELECT * FROM (
            SELECT * FROM tokens_reservation
             WHERE state = 'held' AND expires_at <= clock_timestamp()
             ORDER BY expires_at LIMIT at_most
        ) AS late ORDER BY user_id, id
    LOOP
        SELECT allocated + bonus - used - reserved, lapsing INTO room, over
          FROM tokens_balance WHERE user_id = hold.user_id FOR UPDATE;
        UPDATE tokens_reservation SET state = 'expired', closed_at = clock_timestamp()
         WHERE id = hold.id AND state = 'held' AND expires_at <= clock_timestamp();
        CONTINUE WHEN NOT FOUND;

        UPDATE tokens_balance SET reserved = reserved - hold.amount WHERE user_id = hold.user_id;
        IF hold.endpoint <> '' THEN
            PERFORM tokens_write_record(jsonb_build_object(
                'id', hold.id, 'user_id', hold.user_id, 'request_id', hold.request_id,
                'api_key', hold.api_key, 'endpoint', hold.endpoint, 'streamed', false,
                'model', hold.model, 'provider', '', 'upstream_id', '',
                'status', 'abandoned', 'source', 'none', 'final', false,
                'prompt_tokens', 0, 'completion_tokens', 0, 'cached_tokens', 0,
                'reasoning_tokens', 0, 'charged', 0, 'attempts', '[]'::jsonb,
                'available_before', room + hold.amount, 'available_after', room + hold.amount,
                'duration_ms', 0, 'created_at', hold.created_at,
                'session', hold.session, 'task', hold.task
            ));
        END IF;
        IF over > 0 THEN
            PERFORM tokens_lapse(hold.user_id);
        END IF;
        freed := freed + 1;
    END LOOP;
    RETURN freed;
END $$;
