-- The first of the two functions of the hot path: what a request may use at most is held for it.
--
-- Most batches of a quiet hour have one item, of a user about whom there is nothing special. What
-- it takes to work in sets costs such an item more than the work itself. So it is done *alone*, by
-- statements for one row each. Whatever is special is left to the sets (*together*), with nothing
-- changed.

-- Hold tokens. Each item: {id, user_id, minimum, amount, ttl (seconds), request_id, api_key,
-- key_budget, endpoint, model, session, task, session_budget, task_budget}. It holds `amount`, or what there is of it as long as that is
-- `minimum`. Answers in the order of the items: {held, available, key_left}; held 0 = refused;
-- key_left = what the budget of the key leaves, null without one; null = no balance row. Where the
-- session or the task has a budget, the key's or the user's, the smaller of them and what it leaves
-- are answered, too: {session_budget, session_left, task_budget, task_left}.
-- Of one user's items the earlier are served first. The same id holds once.
CREATE OR REPLACE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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


-- Hold what the one item asks for; null when it takes more than a look to say how much that may be.
CREATE OR REPLACE FUNCTION tokens_reserve_alone(wanted jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    account bigint := (wanted->'user_id')::bigint;
    hold bigint := (wanted->'amount')::bigint;
    balance record;
BEGIN
    IF wanted->>'key_budget' IS NOT NULL OR wanted->>'session_budget' IS NOT NULL
        OR wanted->>'task_budget' IS NOT NULL
    THEN
        RETURN NULL;
    END IF;
    SELECT allocated + bonus - used - reserved AS room, due_at,
           COALESCE(session_budget, task_budget) AS capped INTO balance
      FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT FOUND OR balance.due_at <= tokens_now() OR balance.room < hold
        OR balance.capped IS NOT NULL
    THEN
        RETURN NULL;
    END IF;
    INSERT INTO tokens_reservation (
        id, user_id, amount, state, request_id, api_key, endpoint, model, session, task,
        created_at, expires_at
    ) VALUES (
        (wanted->>'id')::uuid, account, hold, 'held', wanted->>'request_id',
        (wanted->>'api_key')::uuid, wanted->>'endpoint', wanted->>'model',
        COALESCE(wanted->>'session', ''), COALESCE(wanted->>'task', ''), clock_timestamp(),
        clock_timestamp() + make_interval(secs => (wanted->'ttl')::double precision)
    ) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN -- Asked before.
        RETURN NULL;
    END IF;
    UPDATE tokens_balance SET reserved = reserved + hold WHERE user_id = account;
    RETURN jsonb_build_object('held', hold, 'available', balance.room - hold, 'key_left', NULL);
END $$;


-- Hold for any batch, in the steps that batches.sql tells.
CREATE OR REPLACE FUNCTION tokens_reserve_together(batch jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    item record;
    account bigint;
    room bigint;
    key_left bigint;
    session_left bigint;
    task_left bigint;
    taken bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    holds bigint[] := array_fill(NULL::bigint, ARRAY[jsonb_array_length(batch)]);
    -- What the pass has let this user hold, by which of their keys, and for what.
    keys uuid[];
    sessions text[];
    tasks text[];
    amounts bigint[];
BEGIN
    IF NOT tokens_lock(batch) THEN
        RETURN tokens_each('tokens_reserve', batch);
    END IF;

    FOR item IN
        SELECT wanted.id, wanted.user_id, wanted.minimum, wanted.amount, wanted.api_key,
               wanted.key_budget, wanted.session, wanted.task, wanted.position,
               LEAST(wanted.session_budget, b.session_budget) AS session_budget,
               LEAST(wanted.task_budget, b.task_budget) AS task_budget,
               b.allocated + b.bonus - b.used - b.reserved AS room,
               known.id AS known,
               CASE WHEN known.user_id = wanted.user_id AND known.state = 'held'
                    THEN known.amount ELSE 0 END AS known_amount
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, minimum bigint, amount bigint, api_key uuid,
                key_budget bigint, session text, task text, session_budget bigint,
                task_budget bigint
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, minimum, amount, api_key, key_budget, session, task, session_budget,
            task_budget, position
        )
          JOIN tokens_balance b ON b.user_id = wanted.user_id
          LEFT JOIN LATERAL (
            SELECT id, user_id, state, amount FROM tokens_reservation
             WHERE id = wanted.id LIMIT 1
          ) AS known ON true
         ORDER BY wanted.user_id, wanted.position
    LOOP
        IF account IS DISTINCT FROM item.user_id THEN
            account := item.user_id;
            room := item.room;
            keys := '{}';
            sessions := '{}';
            tasks := '{}';
            amounts := '{}';
        END IF;
        key_left := NULL;
        IF item.key_budget IS NOT NULL THEN
            key_left := tokens_key_left(
                account, item.api_key, item.key_budget, tokens_month(clock_timestamp())
            ) - (
                SELECT COALESCE(sum(held.amount), 0) FROM unnest(keys, amounts) AS held(key, amount)
                 WHERE held.key = item.api_key
            );
        END IF;
        session_left := tokens_session_left(account, 'session', item.session, item.session_budget);
        IF session_left IS NOT NULL THEN
            session_left := session_left - tokens_sum_of(sessions, amounts, item.session);
        END IF;
        task_left := tokens_session_left(account, 'task', item.task, item.task_budget);
        IF task_left IS NOT NULL THEN
            task_left := task_left - tokens_sum_of(tasks, amounts, item.task);
        END IF;
        IF item.known IS NOT NULL THEN -- Asked before: then the first answer stands.
            taken := item.known_amount;
        ELSE
            taken := LEAST(item.amount, room, key_left, session_left, task_left);
            IF taken < item.minimum THEN
                taken := 0;
            ELSE
                holds[item.position] := taken;
                room := room - taken;
                key_left := key_left - taken;
                keys := keys || item.api_key;
                sessions := sessions || item.session;
                tasks := tasks || item.task;
                amounts := amounts || taken;
            END IF;
        END IF;
        answers[item.position] := jsonb_build_object(
            'held', taken, 'available', room, 'key_left', key_left
        );
        IF session_left IS NOT NULL OR task_left IS NOT NULL THEN
            answers[item.position] := answers[item.position] || jsonb_build_object(
                'session_budget', item.session_budget, 'session_left', session_left,
                'task_budget', item.task_budget, 'task_left', task_left
            );
        END IF;
    END LOOP;

    WITH held AS (
        INSERT INTO tokens_reservation (
            id, user_id, amount, state, request_id, api_key, endpoint, model, session, task,
            created_at, expires_at
        )
        SELECT id, user_id, holds[position], 'held', request_id, api_key, endpoint, model,
               COALESCE(session, ''), COALESCE(task, ''), clock_timestamp(), clock_timestamp() + make_interval(secs => ttl)
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, ttl double precision,
                request_id text, api_key uuid, endpoint text, model text, session text, task text
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, ttl, request_id, api_key, endpoint, model, session, task, position
        )
         WHERE holds[position] IS NOT NULL
        RETURNING user_id, amount
    )
    UPDATE tokens_balance b SET reserved = b.reserved + sums.amount
      FROM (SELECT user_id, sum(amount)::bigint AS amount FROM held GROUP BY user_id) AS sums
     WHERE b.user_id = sums.user_id;
    RETURN to_jsonb(answers);
END $$;


-- The sum of the amounts that go by a name.
CREATE OR REPLACE FUNCTION tokens_sum_of(names text[], amounts bigint[], called text)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(sum(amount), 0)::bigint
      FROM unnest(names, amounts) AS held(name, amount) WHERE name = called;
$$;
