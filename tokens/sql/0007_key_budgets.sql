-- Budgets of API keys: so many tokens in a calendar month (UTC), exact however many requests race.
--
-- What a key has spent is kept for those that have a budget: the first request of a month counts
-- the month's receipts, and every receipt that is written or corrected later keeps it right. All
-- of it happens under the lock of the user's balance.

CREATE FUNCTION tokens_month(moment timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('month', moment AT TIME ZONE 'UTC')::date;
$$;


-- What a key has spent in this month, with what it holds now. The caller has locked the balance.
CREATE FUNCTION tokens_key_spent(account bigint, key uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    this_month date := tokens_month(clock_timestamp());
    spent bigint;
    held bigint;
BEGIN
    SELECT charged INTO spent FROM tokens_keyspending
     WHERE api_key = key AND month = this_month;
    IF NOT FOUND THEN
        SELECT COALESCE(SUM(charged), 0) INTO spent FROM tokens_usagerecord
         WHERE user_id = account AND api_key = key
           AND created_at >= this_month::timestamp AT TIME ZONE 'UTC';
        INSERT INTO tokens_keyspending (api_key, month, charged) VALUES (key, this_month, spent);
    END IF;
    SELECT COALESCE(SUM(amount), 0) INTO held FROM tokens_reservation
     WHERE user_id = account AND state = 'held' AND api_key = key;
    RETURN spent + held;
END $$;


CREATE FUNCTION tokens_count_for_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE tokens_keyspending SET charged = charged - OLD.charged
         WHERE api_key = OLD.api_key AND month = tokens_month(OLD.created_at);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE tokens_keyspending SET charged = charged + NEW.charged
         WHERE api_key = NEW.api_key AND month = tokens_month(NEW.created_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_counts_for_key AFTER INSERT OR DELETE OR UPDATE OF charged
ON tokens_usagerecord FOR EACH ROW EXECUTE FUNCTION tokens_count_for_key();


-- Hold tokens. Each item: {id, user_id, minimum, amount, ttl (seconds), request_id, api_key,
-- key_budget, endpoint, model}. It holds `amount`, or what there is of it as long as that is
-- `minimum`. Answers in the order of the items: {held, available, key_left}; held 0 = refused;
-- key_left = what the budget of the key leaves, null without one; null = no balance row.
-- Of one user's items the earlier are served first. The same id holds once.
CREATE OR REPLACE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    item record;
    room bigint;
    due boolean;
    key_left bigint;
    taken bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT * FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, minimum bigint, amount bigint, ttl double precision,
                request_id text, api_key uuid, key_budget bigint, endpoint text, model text
            )
        ) WITH ORDINALITY AS wanted(
            id, user_id, minimum, amount, ttl, request_id, api_key, key_budget, endpoint, model,
            position
        )
        ORDER BY user_id, position
    LOOP
        SELECT allocated + bonus - used - reserved, due_at <= moment INTO room, due
          FROM tokens_balance WHERE user_id = item.user_id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF due THEN
            PERFORM tokens_roll(item.user_id);
            SELECT allocated + bonus - used - reserved INTO room
              FROM tokens_balance WHERE user_id = item.user_id;
        END IF;

        key_left := NULL;
        IF item.key_budget IS NOT NULL THEN
            key_left := item.key_budget - tokens_key_spent(item.user_id, item.api_key);
        END IF;
        taken := LEAST(item.amount, room, key_left);
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
                    'held', taken, 'available', room - taken, 'key_left', key_left - taken
                );
                CONTINUE;
            END IF;
        END IF;

        -- Refused, or asked before: then the first answer stands.
        SELECT amount INTO taken FROM tokens_reservation
         WHERE id = item.id AND user_id = item.user_id AND state = 'held';
        answers[item.position] := jsonb_build_object(
            'held', CASE WHEN FOUND THEN taken ELSE 0 END, 'available', room,
            'key_left', key_left
        );
    END LOOP;
    RETURN to_jsonb(answers);
END $$;
