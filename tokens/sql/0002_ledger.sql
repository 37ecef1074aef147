-- The rules of money, next to the money.
--
-- Every function takes and gives JSON, so that one statement carries a whole batch of callers
-- (tokens/batching.py) and a row may grow without a change here. Each is safe to repeat: what
-- a lost connection leaves unknown is simply asked again.
--
-- Locks: a function locks balances in the order of user ids and touches a user's other rows only
-- under that lock. So no two batches can wait for each other in a circle.

-- Give tokens once per (kind, source). True when given now, false when it was given before.
CREATE FUNCTION tokens_grant(
    account bigint, entry_kind text, grant_amount bigint, entry_source text,
    entry_note text, grant_expires_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    repaid bigint;
BEGIN
    SELECT LEAST(overdrawn, grant_amount) INTO STRICT repaid
      FROM tokens_balance WHERE user_id = account FOR UPDATE;

    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    VALUES (account, entry_kind, grant_amount, entry_source, entry_note, now())
    ON CONFLICT (kind, source) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    IF entry_kind = 'bonus' THEN
        INSERT INTO tokens_grant (user_id, amount, remaining, source, expires_at, created_at)
        VALUES (account, grant_amount, grant_amount - repaid, entry_source, grant_expires_at, now());
        UPDATE tokens_balance
           SET bonus = bonus + grant_amount - repaid, overdrawn = overdrawn - repaid
         WHERE user_id = account;
    ELSE
        UPDATE tokens_balance
           SET allocated = allocated + grant_amount, used = used + repaid,
               overdrawn = overdrawn - repaid
         WHERE user_id = account;
    END IF;
    RETURN true;
END $$;


-- Take tokens from where they expire soonest: bonus that ends within the period, the allowance,
-- then the other bonus. What is not covered, or is held for others, is written as overdrawn.
-- The caller has locked the balance and has already freed the request's own hold.
CREATE FUNCTION tokens_burn(account bigint, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    pot record;
    covered bigint;
    rest bigint;
    part bigint;
    from_bonus bigint := 0;
    from_allowance bigint := 0;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    covered := LEAST(
        amount, balance.allocated + balance.bonus - balance.used - balance.reserved
    );
    rest := covered;

    IF balance.bonus > 0 THEN
        FOR pot IN
            SELECT id, remaining,
                   COALESCE(expires_at > balance.period_end, true) AS outlives_period
              FROM tokens_grant
             WHERE user_id = account AND remaining > 0
             ORDER BY expires_at NULLS LAST, id
        LOOP
            IF pot.outlives_period AND from_allowance = 0 THEN
                from_allowance := LEAST(rest, balance.allocated - balance.used);
                rest := rest - from_allowance;
            END IF;
            EXIT WHEN rest = 0;
            part := LEAST(rest, pot.remaining);
            UPDATE tokens_grant SET remaining = remaining - part WHERE id = pot.id;
            from_bonus := from_bonus + part;
            rest := rest - part;
        END LOOP;
    END IF;

    UPDATE tokens_balance
       SET used = used + from_allowance + rest,
           bonus = bonus - from_bonus,
           overdrawn = overdrawn + amount - covered
     WHERE user_id = account;
END $$;


-- Hold tokens. Each item: {id, user_id, minimum, amount, ttl (seconds), request_id, api_key,
-- endpoint, model}. It holds `amount`, or what there is of it as long as that is `minimum`.
-- Answers in the order of the items: {held, available}; held 0 = refused; null = no balance row.
-- Of one user's items the earlier are served first. The same id holds once.
CREATE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    room bigint;
    taken bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT * FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, minimum bigint, amount bigint, ttl double precision,
                request_id text, api_key uuid, endpoint text, model text
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, minimum, amount, ttl, request_id, api_key, endpoint, model, position
        )
        ORDER BY user_id, position
    LOOP
        SELECT allocated + bonus - used - reserved INTO room
          FROM tokens_balance WHERE user_id = item.user_id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;

        taken := LEAST(item.amount, room);
        IF taken >= item.minimum THEN
            INSERT INTO tokens_reservation (
                id, user_id, amount, state, request_id, api_key, endpoint, model,
                created_at, expires_at
            ) VALUES (
                item.id, item.user_id, taken, 'held', item.request_id, item.api_key,
                item.endpoint, item.model, clock_timestamp(),
                clock_timestamp() + make_interval(secs => item.ttl)
            ) ON CONFLICT (id) DO NOTHING;
            IF FOUND THEN
                UPDATE tokens_balance SET reserved = reserved + taken
                 WHERE user_id = item.user_id;
                answers[item.position] := jsonb_build_object(
                    'held', taken, 'available', room - taken
                );
                CONTINUE;
            END IF;
        END IF;

        -- Refused, or asked before: then the first answer stands.
        SELECT amount INTO taken FROM tokens_reservation
         WHERE id = item.id AND user_id = item.user_id AND state = 'held';
        answers[item.position] := jsonb_build_object(
            'held', CASE WHEN FOUND THEN taken ELSE 0 END, 'available', room
        );
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


-- Close reservations. Each item: {id, user_id, charge, record}. `record` holds the columns of
-- tokens_usagerecord, or null where nothing ran: then the hold is only released.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was closed
-- before, and what was charged then stands; null = there is no such reservation.
-- A hold that has expired meanwhile is still charged: what was used was used.
CREATE FUNCTION tokens_settle(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    hold tokens_reservation;
    room bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT * FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (id uuid, user_id bigint, charge bigint, record jsonb)
        ) WITH ORDINALITY AS done(id, user_id, charge, record, position)
        ORDER BY user_id, position
    LOOP
        SELECT allocated + bonus - used - reserved INTO room
          FROM tokens_balance WHERE user_id = item.user_id FOR UPDATE;
        SELECT * INTO hold FROM tokens_reservation
         WHERE id = item.id AND user_id = item.user_id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;

        IF hold.state IN ('settled', 'released') THEN
            answers[item.position] := jsonb_build_object(
                'charged',
                COALESCE((SELECT charged FROM tokens_usagerecord WHERE id = item.id), 0),
                'available', room, 'fresh', false
            );
            CONTINUE;
        END IF;

        UPDATE tokens_reservation
           SET state = CASE WHEN item.record IS NULL THEN 'released' ELSE 'settled' END,
               closed_at = clock_timestamp()
         WHERE id = item.id;
        IF hold.state = 'held' THEN
            UPDATE tokens_balance SET reserved = reserved - hold.amount
             WHERE user_id = item.user_id;
            room := room + hold.amount;
        END IF;
        IF item.charge > 0 THEN
            PERFORM tokens_burn(item.user_id, item.charge);
            INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
            VALUES (item.user_id, 'usage', -item.charge, item.id::text, '', clock_timestamp());
        END IF;
        IF item.record IS NOT NULL THEN
            PERFORM tokens_write_record(
                item.record || jsonb_build_object(
                    'id', item.id, 'user_id', item.user_id, 'charged', item.charge,
                    'request_id', hold.request_id, 'api_key', hold.api_key,
                    'endpoint', hold.endpoint, 'available_before', room,
                    'available_after', GREATEST(room - item.charge, 0),
                    'created_at', hold.created_at
                )
            );
        END IF;
        answers[item.position] := jsonb_build_object(
            'charged', item.charge, 'available', GREATEST(room - item.charge, 0), 'fresh', true
        );
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


-- Write one receipt. A request that settles after its hold expired replaces the provisional one.
CREATE FUNCTION tokens_write_record(receipt jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tokens_usagerecord
     WHERE id = (receipt->>'id')::uuid AND NOT final AND charged = 0;
    INSERT INTO tokens_usagerecord
    SELECT (jsonb_populate_record(NULL::tokens_usagerecord, receipt)).*;
END $$;


-- Push the deadlines of running requests out: those of a dead process pass. One that is being
-- closed at this moment needs none, and waiting for it could close a circle of locks.
CREATE FUNCTION tokens_renew(held uuid[], ttl double precision) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_reservation
       SET expires_at = clock_timestamp() + make_interval(secs => ttl)
     WHERE id IN (
        SELECT id FROM tokens_reservation
         WHERE id = ANY(held) AND state = 'held' FOR UPDATE SKIP LOCKED
     );
$$;


-- Free up to `at_most` holds whose deadline has passed; answers how many. A request of the proxy
-- leaves a provisional receipt of nothing charged, which reconciliation or a late settle replaces.
CREATE FUNCTION tokens_expire(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    hold record;
    room bigint;
    freed integer := 0;
BEGIN
    FOR hold IN
        SELECT * FROM (
            SELECT * FROM tokens_reservation
             WHERE state = 'held' AND expires_at <= clock_timestamp()
             ORDER BY expires_at LIMIT at_most
        ) AS late ORDER BY user_id, id
    LOOP
        SELECT allocated + bonus - used - reserved INTO room
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
                'duration_ms', 0, 'created_at', hold.created_at
            ));
        END IF;
        freed := freed + 1;
    END LOOP;
    RETURN freed;
END $$;


-- The books are append-only, whoever asks.
CREATE FUNCTION tokens_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON tokens_entry
FOR EACH ROW EXECUTE FUNCTION tokens_refuse_change();
