-- The hot path in sets: a batch costs a handful of statements, however many callers share it.
--
-- Both functions work in the same steps. They lock the balances of the batch in the order of user
-- ids and bring those that are due up to date; then, in one pass in the order of arrival, they
-- decide every item in variables; then they write what was decided, one statement for each table.
-- As ever, whatever concerns a user's holds happens under the lock of his balance, so what the pass
-- reads stays true until the end.
--
-- The settings on the functions keep one plan, by index, for each statement: whatever the
-- statistics of a young or a fast-growing table say, and without planning it anew.

-- Lock the balances of these users, in order, and bring those that are due up to date.
CREATE FUNCTION tokens_lock(accounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
BEGIN
    PERFORM 1 FROM tokens_balance WHERE user_id = ANY(accounts) ORDER BY user_id FOR UPDATE;
    PERFORM tokens_roll(user_id) FROM tokens_balance
      WHERE user_id = ANY(accounts) AND due_at <= moment;
END $$;


-- Hold tokens. Each item: {id, user_id, minimum, amount, ttl (seconds), request_id, api_key,
-- key_budget, endpoint, model}. It holds `amount`, or what there is of it as long as that is
-- `minimum`. Answers in the order of the items: {held, available, key_left}; held 0 = refused;
-- key_left = what the budget of the key leaves, null without one; null = no balance row.
-- Of one user's items the earlier are served first. The same id holds once.
CREATE OR REPLACE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    item record;
    account bigint;
    room bigint;
    key_left bigint;
    taken bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    holds bigint[] := array_fill(NULL::bigint, ARRAY[jsonb_array_length(batch)]);
    -- What the pass has let this user hold, and by which of his keys.
    keys uuid[];
    amounts bigint[];
BEGIN
    IF tokens_repeats(batch) THEN
        RETURN tokens_each('tokens_reserve', batch);
    END IF;
    PERFORM tokens_lock(ARRAY(SELECT (e->>'user_id')::bigint FROM jsonb_array_elements(batch) e));

    FOR item IN
        SELECT wanted.*, b.allocated + b.bonus - b.used - b.reserved AS room,
               known.id AS known,
               CASE WHEN known.user_id = wanted.user_id AND known.state = 'held'
                    THEN known.amount ELSE 0 END AS known_amount
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, minimum bigint, amount bigint, api_key uuid,
                key_budget bigint
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, minimum, amount, api_key, key_budget, position
        )
          JOIN tokens_balance b ON b.user_id = wanted.user_id
          LEFT JOIN tokens_reservation known ON known.id = wanted.id
         ORDER BY wanted.user_id, wanted.position
    LOOP
        IF account IS DISTINCT FROM item.user_id THEN
            account := item.user_id;
            room := item.room;
            keys := '{}';
            amounts := '{}';
        END IF;
        key_left := NULL;
        IF item.key_budget IS NOT NULL THEN
            key_left := item.key_budget - tokens_key_spent(account, item.api_key) - (
                SELECT COALESCE(sum(held.amount), 0) FROM unnest(keys, amounts) AS held(key, amount)
                 WHERE held.key = item.api_key
            );
        END IF;
        IF item.known IS NOT NULL THEN -- Asked before: then the first answer stands.
            taken := item.known_amount;
        ELSE
            taken := LEAST(item.amount, room, key_left);
            IF taken < item.minimum THEN
                taken := 0;
            ELSE
                holds[item.position] := taken;
                room := room - taken;
                key_left := key_left - taken;
                IF item.api_key IS NOT NULL THEN
                    keys := keys || item.api_key;
                    amounts := amounts || taken;
                END IF;
            END IF;
        END IF;
        answers[item.position] := jsonb_build_object(
            'held', taken, 'available', room, 'key_left', key_left
        );
    END LOOP;

    WITH held AS (
        INSERT INTO tokens_reservation (
            id, user_id, amount, state, request_id, api_key, endpoint, model,
            created_at, expires_at
        )
        SELECT id, user_id, holds[position], 'held', request_id, api_key, endpoint, model,
               clock_timestamp(), clock_timestamp() + make_interval(secs => ttl)
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, ttl double precision,
                request_id text, api_key uuid, endpoint text, model text
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, ttl, request_id, api_key, endpoint, model, position
        )
         WHERE holds[position] IS NOT NULL
        RETURNING user_id, amount
    )
    UPDATE tokens_balance b SET reserved = b.reserved + sums.amount
      FROM (SELECT user_id, sum(amount)::bigint AS amount FROM held GROUP BY user_id) AS sums
     WHERE b.user_id = sums.user_id;
    RETURN to_jsonb(answers);
END $$;


-- Close reservations. Each item: {id, user_id, charge, record}. `record` holds the columns of
-- tokens_usagerecord, or null where nothing ran: then the hold is only released.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was closed
-- before, and what was charged then stands; null = there is no such reservation.
-- A hold that has expired meanwhile is still charged: what was used was used. A charge belongs to
-- the period in which it is settled.
CREATE OR REPLACE FUNCTION tokens_settle(batch jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    item record;
    account bigint;
    room bigint;
    freed bigint;
    covered bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    closed uuid[] := '{}';
    states text[] := '{}';
    late uuid[] := '{}';
    receipts jsonb[] := '{}';
    -- What is to be written of each closed item whose user has nothing but his allowance.
    accounts bigint[] := '{}';
    frees bigint[] := '{}';
    uses bigint[] := '{}';
    debts bigint[] := '{}';
    -- The entries.
    charged uuid[] := '{}';
    payers bigint[] := '{}';
    charges bigint[] := '{}';
BEGIN
    IF tokens_repeats(batch) THEN
        RETURN tokens_each('tokens_settle', batch);
    END IF;
    PERFORM tokens_lock(ARRAY(SELECT (e->>'user_id')::bigint FROM jsonb_array_elements(batch) e));

    FOR item IN
        SELECT done.*, b.allocated + b.bonus - b.used - b.reserved AS room,
               b.bonus, b.lapsing, h.user_id AS holder, h.amount, h.state, h.request_id,
               h.api_key, h.endpoint, h.created_at
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (id uuid, user_id bigint, charge bigint, record jsonb)
        ) WITH ORDINALITY AS done(id, user_id, charge, record, position)
          JOIN tokens_reservation h ON h.id = done.id
          JOIN tokens_balance b ON b.user_id = done.user_id
         ORDER BY done.user_id, done.position
    LOOP
        CONTINUE WHEN item.holder <> item.user_id;
        IF account IS DISTINCT FROM item.user_id THEN
            account := item.user_id;
            room := item.room;
        END IF;
        IF item.state IN ('settled', 'released') THEN
            answers[item.position] := jsonb_build_object(
                'charged',
                COALESCE((SELECT u.charged FROM tokens_usagerecord u WHERE u.id = item.id), 0),
                'available', room, 'fresh', false
            );
            CONTINUE;
        END IF;

        closed := closed || item.id;
        states := states || CASE WHEN item.record IS NULL THEN 'released' ELSE 'settled' END;
        freed := 0;
        IF item.state = 'held' THEN
            freed := item.amount;
        ELSE
            late := late || item.id;
        END IF;
        room := room + freed;
        IF item.charge > 0 THEN
            charged := charged || item.id;
            payers := payers || account;
            charges := charges || item.charge;
        END IF;
        IF item.record IS NOT NULL THEN
            receipts := receipts || (
                item.record || jsonb_build_object(
                    'id', item.id, 'user_id', account, 'charged', item.charge,
                    'request_id', item.request_id, 'api_key', item.api_key,
                    'endpoint', item.endpoint, 'available_before', room,
                    'available_after', GREATEST(room - item.charge, 0),
                    'created_at', item.created_at
                )
            );
        END IF;

        IF item.bonus = 0 AND item.lapsing = 0 THEN
            covered := LEAST(item.charge, room);
            accounts := accounts || account;
            frees := frees || freed;
            uses := uses || covered;
            debts := debts || (item.charge - covered);
            room := room - covered;
        ELSE
            room := tokens_close(account, freed, item.charge);
        END IF;
        answers[item.position] := jsonb_build_object(
            'charged', item.charge, 'available', room, 'fresh', true
        );
    END LOOP;

    UPDATE tokens_reservation r SET state = done.state, closed_at = clock_timestamp()
      FROM unnest(closed, states) AS done(id, state) WHERE r.id = done.id;
    UPDATE tokens_balance b
       SET reserved = b.reserved - sums.held, used = b.used + sums.burned,
           overdrawn = b.overdrawn + sums.owed
      FROM (
        SELECT payer, sum(held)::bigint AS held, sum(burned)::bigint AS burned,
               sum(owed)::bigint AS owed
          FROM unnest(accounts, frees, uses, debts) AS done(payer, held, burned, owed)
         GROUP BY payer
      ) AS sums
     WHERE b.user_id = sums.payer;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT payer, 'usage', -amount, id::text, '', clock_timestamp()
      FROM unnest(charged, payers, charges) AS done(id, payer, amount);
    IF cardinality(late) > 0 THEN -- Its receipt says so far that nothing is known of it.
        DELETE FROM tokens_usagerecord u WHERE u.id = ANY(late) AND NOT u.final AND u.charged = 0;
    END IF;
    INSERT INTO tokens_usagerecord
    SELECT r.* FROM unnest(receipts) AS receipt,
                    jsonb_populate_record(NULL::tokens_usagerecord, receipt) AS r;
    RETURN to_jsonb(answers);
END $$;


-- Free a hold and charge a user who has more than his allowance to burn, or tokens that lapse;
-- answers what is available then.
CREATE FUNCTION tokens_close(account bigint, freed bigint, charge bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens_balance SET reserved = reserved - freed WHERE user_id = account;
    IF charge > 0 THEN
        PERFORM tokens_burn(account, charge);
    END IF;
    RETURN tokens_lapse(account);
END $$;


-- Whether an id occurs twice in a batch.
CREATE FUNCTION tokens_repeats(batch jsonb) RETURNS boolean LANGUAGE sql AS $$
    SELECT count(DISTINCT item->>'id') < count(*) FROM jsonb_array_elements(batch) AS item;
$$;


-- Answer a batch in which ids repeat: each item by itself, so that the later one sees the earlier.
CREATE FUNCTION tokens_each(function text, batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    answer jsonb;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT value, ordinality AS position
          FROM jsonb_array_elements(batch) WITH ORDINALITY
         ORDER BY (value->>'user_id')::bigint, ordinality
    LOOP
        EXECUTE format('SELECT %I($1)', function) INTO answer USING jsonb_build_array(item.value);
        answers[item.position] := answer->0;
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


-- Write one receipt. A request that settles after its hold expired replaces the provisional one.
CREATE OR REPLACE FUNCTION tokens_write_record(receipt jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tokens_usagerecord
     WHERE id = (receipt->>'id')::uuid AND NOT final AND charged = 0;
    -- Not `(f(…)).*`, which calls the function once for every column.
    INSERT INTO tokens_usagerecord
    SELECT r.* FROM jsonb_populate_record(NULL::tokens_usagerecord, receipt) AS r;
END $$;


-- Every request writes its user's balance twice: room on its page keeps the indexes out of that.
ALTER TABLE tokens_balance SET (fillfactor = 50);
