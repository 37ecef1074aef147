-- Most batches of a quiet hour have one item, of a user about whom there is nothing special. What
-- it takes to work in sets costs such an item more than the work itself. So it is done without,
-- by statements for one row each. Whatever is special is left to the sets, with nothing changed.

-- Hold what one item of tokens_reserve asks for; null when it takes more than a look to say how
-- much that may be.
CREATE FUNCTION tokens_reserve_alone(wanted jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    account bigint := (wanted->'user_id')::bigint;
    hold bigint := (wanted->'amount')::bigint;
    balance record;
BEGIN
    IF wanted->>'key_budget' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    SELECT allocated + bonus - used - reserved AS room, due_at INTO balance
      FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT FOUND OR balance.due_at <= tokens_now() OR balance.room < hold THEN
        RETURN NULL;
    END IF;
    INSERT INTO tokens_reservation (
        id, user_id, amount, state, request_id, api_key, endpoint, model, created_at, expires_at
    ) VALUES (
        (wanted->>'id')::uuid, account, hold, 'held', wanted->>'request_id',
        (wanted->>'api_key')::uuid, wanted->>'endpoint', wanted->>'model', clock_timestamp(),
        clock_timestamp() + make_interval(secs => (wanted->'ttl')::double precision)
    ) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN -- Asked before.
        RETURN NULL;
    END IF;
    UPDATE tokens_balance SET reserved = reserved + hold WHERE user_id = account;
    RETURN jsonb_build_object('held', hold, 'available', balance.room - hold, 'key_left', NULL);
END $$;


-- Close the reservation of one item of tokens_settle; null unless the running period's allowance
-- pays for all of it.
CREATE FUNCTION tokens_settle_alone(done jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    reservation uuid := (done->>'id')::uuid;
    account bigint := (done->'user_id')::bigint;
    charge bigint := (done->'charge')::bigint;
    balance record;
    hold record;
    room bigint;
BEGIN
    IF charge = 0 OR done->>'record' IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT allocated + bonus - used - reserved AS room, allocated - used AS allowance, bonus,
           lapsing, period_end, due_at INTO balance
      FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT FOUND OR balance.due_at <= tokens_now() OR balance.lapsing > 0
        OR balance.allowance < charge OR balance.bonus > 0 AND EXISTS (
            SELECT FROM tokens_grant
             WHERE user_id = account AND remaining > 0 AND expires_at <= balance.period_end
        )
    THEN
        RETURN NULL;
    END IF;
    SELECT amount, request_id, api_key, endpoint, created_at INTO hold
      FROM tokens_reservation WHERE id = reservation AND user_id = account AND state = 'held';
    room := balance.room + hold.amount;
    IF NOT FOUND OR room < charge THEN
        RETURN NULL;
    END IF;
    UPDATE tokens_reservation SET state = 'settled', closed_at = clock_timestamp()
     WHERE id = reservation;
    UPDATE tokens_balance SET reserved = reserved - hold.amount, used = used + charge
     WHERE user_id = account;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    VALUES (account, 'usage', -charge, reservation::text, '', clock_timestamp());
    INSERT INTO tokens_usagerecord
    SELECT r.* FROM jsonb_populate_record(
        NULL::tokens_usagerecord,
        done->'record' || jsonb_build_object(
            'id', reservation, 'user_id', account, 'charged', charge,
            'request_id', hold.request_id, 'api_key', hold.api_key, 'endpoint', hold.endpoint,
            'available_before', room, 'available_after', room - charge,
            'created_at', hold.created_at
        )
    ) AS r;
    RETURN jsonb_build_object('charged', charge, 'available', room - charge, 'fresh', true);
END $$;


-- What the two doors of the ledger open to.

ALTER FUNCTION tokens_reserve(jsonb) RENAME TO tokens_reserve_together;

CREATE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    IF jsonb_array_length(batch) = 1 THEN
        answer := tokens_reserve_alone(batch->0);
    END IF;
    IF answer IS NULL THEN
        RETURN tokens_reserve_together(batch);
    END IF;
    RETURN jsonb_build_array(answer);
END $$;


ALTER FUNCTION tokens_settle(jsonb) RENAME TO tokens_settle_together;

CREATE FUNCTION tokens_settle(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    IF jsonb_array_length(batch) = 1 THEN
        answer := tokens_settle_alone(batch->0);
    END IF;
    IF answer IS NULL THEN
        RETURN tokens_settle_together(batch);
    END IF;
    RETURN jsonb_build_array(answer);
END $$;
