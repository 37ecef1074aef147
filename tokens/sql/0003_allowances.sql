-- Allowances: periods that begin anew, bonus that expires, plans that change, tokens taken back.
--
-- A balance says itself when it falls due (due_at): at the end of a period that the schedule
-- renews, or when a bonus expires. Whoever locks a due balance brings it up to date first
-- (tokens_roll), so nobody spends what is past, and whether the sweep is late makes no difference.
--
-- What is over but held by running requests stays until they are done, as `lapsing`, a part of
-- `allocated`: they can be charged to it, and it is free to nobody. As long as there is any of it
-- nothing is available; what gives tokens or frees holds ends with tokens_lapse, which sees to it.

-- The clock of periods and bonuses.
CREATE FUNCTION tokens_now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT clock_timestamp() $$;


-- The month that holds a moment, counted from an anchor in UTC: tokens/periods.py in SQL.
CREATE FUNCTION tokens_period(
    anchor timestamptz, moment timestamptz, OUT starts timestamptz, OUT ends timestamptz
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    first timestamp := anchor AT TIME ZONE 'UTC';
    today timestamp := moment AT TIME ZONE 'UTC';
    months integer := (extract(year FROM today) - extract(year FROM first)) * 12
                    + extract(month FROM today) - extract(month FROM first);
BEGIN
    IF first + make_interval(months => months) > today THEN
        months := months - 1;
    END IF;
    starts := (first + make_interval(months => months)) AT TIME ZONE 'UTC';
    ends := (first + make_interval(months => months + 1)) AT TIME ZONE 'UTC';
END $$;


-- Write what is over into the books; nothing for nothing. The reason and the balance's lock make it
-- happen once, so its source need only be unique.
CREATE FUNCTION tokens_enter_expiry(account bigint, over bigint, reason text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT account, 'expiry', -over, reason || ':' || gen_random_uuid(), '', clock_timestamp()
     WHERE over > 0;
$$;


-- Let go of what is over and not held any more; answers what is available then. Debts are paid
-- from it first.
CREATE FUNCTION tokens_lapse(account bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    room bigint;
    paid bigint;
    gone bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    room := balance.allocated + balance.bonus - balance.used - balance.reserved;
    IF balance.lapsing = 0 OR room = 0 THEN
        RETURN room;
    END IF;
    paid := LEAST(balance.overdrawn, balance.lapsing, room);
    gone := LEAST(balance.lapsing, room) - paid;
    UPDATE tokens_balance
       SET allocated = allocated - gone, used = used + paid, overdrawn = overdrawn - paid,
           lapsing = lapsing - paid - gone
     WHERE user_id = account;
    PERFORM tokens_enter_expiry(account, gone, 'hold-ended');
    RETURN room - paid - gone;
END $$;


-- Say when this balance falls due next: never later than anything in it does.
CREATE FUNCTION tokens_set_due(account bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_balance
       SET due_at = LEAST(
               CASE WHEN renews_by = 'schedule' THEN period_end END,
               (SELECT min(expires_at) FROM tokens_grant
                 WHERE user_id = account AND remaining > 0)
           )
     WHERE user_id = account;
$$;


-- End every bonus whose time is over. The caller has locked the balance.
CREATE FUNCTION tokens_expire_bonus(account bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    pot record;
    balance tokens_balance;
    room bigint;
    paid bigint;
    gone bigint;
BEGIN
    FOR pot IN
        SELECT id, remaining FROM tokens_grant
         WHERE user_id = account AND remaining > 0 AND expires_at <= moment
         ORDER BY expires_at, id
    LOOP
        SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
        room := balance.allocated + balance.bonus - balance.used - balance.reserved;
        paid := LEAST(balance.overdrawn, pot.remaining, room);
        gone := LEAST(pot.remaining, room) - paid;
        UPDATE tokens_grant SET remaining = 0 WHERE id = pot.id;
        UPDATE tokens_balance
           SET bonus = bonus - pot.remaining, overdrawn = overdrawn - paid,
               allocated = allocated + pot.remaining - paid - gone,
               lapsing = lapsing + pot.remaining - paid - gone
         WHERE user_id = account;
        PERFORM tokens_enter_expiry(account, gone, 'bonus:' || pot.id);
    END LOOP;
END $$;


-- End the running period and begin another with the allowance of a tier; answers that allowance,
-- 0 when the source has given it before. What the old period leaves unspent pays debts, carries
-- over as far as its tier lets it (one allowance at most), stays for holds that the new period
-- cannot cover, and otherwise expires. The caller has locked the balance.
CREATE FUNCTION tokens_start_period(
    account bigint, new_tier text, starts timestamptz, ends timestamptz, renewer text,
    period_source text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    leaving tokens_tier;
    fresh bigint;
    over bigint;
    kept bigint := 0;
    room bigint;
    paid bigint;
    paid_by_old bigint;
    gone bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    SELECT * INTO STRICT leaving FROM tokens_tier WHERE name = balance.tier_id;
    SELECT monthly_tokens INTO STRICT fresh FROM tokens_tier WHERE name = new_tier;
    IF fresh > 0 THEN
        INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
        VALUES (account, 'allowance', fresh, period_source, '', clock_timestamp())
        ON CONFLICT (kind, source) DO NOTHING;
        IF NOT FOUND THEN
            fresh := 0;
        END IF;
    END IF;

    over := balance.allocated - balance.used;
    IF leaving.carries_over THEN
        kept := LEAST(over - balance.lapsing, leaving.monthly_tokens);
    END IF;
    over := over - kept;
    room := fresh + kept + over + balance.bonus - balance.reserved;
    paid := LEAST(balance.overdrawn, fresh + kept + over, room);
    paid_by_old := LEAST(paid, over);
    gone := LEAST(over - paid_by_old, room - paid);

    UPDATE tokens_balance
       SET tier_id = new_tier, period_start = starts, period_end = ends, renews_by = renewer,
           anchor = CASE WHEN (tokens_period(anchor, starts)).starts = starts
                         THEN anchor ELSE starts END,
           allocated = fresh + kept + over - paid_by_old - gone, used = paid - paid_by_old,
           overdrawn = overdrawn - paid, lapsing = over - paid_by_old - gone, notified = 0
     WHERE user_id = account;
    PERFORM tokens_enter_expiry(account, gone, 'period-ended');
    RETURN fresh;
END $$;


-- Begin the period that runs now, on the user's own anniversary: one allowance, however many
-- months were missed. Where unspent tokens carry over, the month before is begun first, since its
-- allowance would have carried into this one; older ones would not, for no more than one does.
CREATE FUNCTION tokens_renew_by_schedule(account bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    balance tokens_balance;
    root timestamptz;
    carries boolean;
    period record;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    SELECT carries_over INTO STRICT carries FROM tokens_tier WHERE name = balance.tier_id;
    root := balance.anchor;
    IF (tokens_period(root, balance.period_end)).starts <> balance.period_end THEN
        root := balance.period_end; -- A trial or an invoice ended on another day.
    END IF;
    FOR period IN
        SELECT before.* FROM tokens_period(root, moment) AS running,
               tokens_period(root, running.starts - interval '1 microsecond') AS before
         WHERE carries AND before.starts >= balance.period_end
        UNION ALL
        SELECT * FROM tokens_period(root, moment)
         ORDER BY starts
    LOOP
        PERFORM tokens_start_period(
            account, balance.tier_id, period.starts, period.ends, 'schedule',
            format('period:%s:%s', account,
                   to_char(period.starts AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
        );
    END LOOP;
    UPDATE tokens_balance SET anchor = root WHERE user_id = account;
END $$;


-- Bring one balance up to date if it is due; true when it was.
CREATE FUNCTION tokens_roll(account bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF balance.due_at IS NULL OR balance.due_at > tokens_now() THEN
        RETURN false;
    END IF;
    PERFORM tokens_expire_bonus(account);
    IF balance.renews_by = 'schedule' AND balance.period_end <= tokens_now() THEN
        PERFORM tokens_renew_by_schedule(account);
    END IF;
    PERFORM tokens_set_due(account);
    RETURN true;
END $$;


-- Bring up to `at_most` due balances up to date; answers how many. One that somebody else has
-- locked is left to him, that of a suspended or deleted user until he is back.
CREATE FUNCTION tokens_roll_due(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    account bigint;
    rolled integer := 0;
BEGIN
    FOR account IN
        SELECT b.user_id FROM tokens_balance b JOIN accounts_user u ON u.id = b.user_id
         WHERE b.due_at <= moment AND u.is_active
         ORDER BY b.due_at LIMIT at_most FOR UPDATE OF b SKIP LOCKED
    LOOP
        rolled := rolled + tokens_roll(account)::integer;
    END LOOP;
    RETURN rolled;
END $$;


-- Note that something is done under this source; false when it was done before.
CREATE FUNCTION tokens_begin_adjustment(
    account bigint, adjustment_kind text, adjustment_source text, to_tier text, reason text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tokens_adjustment (user_id, kind, source, tier_id, amount, note, created_at)
    VALUES (account, adjustment_kind, adjustment_source, to_tier, 0, reason, clock_timestamp())
    ON CONFLICT (kind, source) DO NOTHING;
    RETURN FOUND;
END $$;


-- Close an adjustment: say how many tokens it gave or took, and enter them into the books.
CREATE FUNCTION tokens_end_adjustment(
    adjustment_kind text, adjustment_source text, given bigint
) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_adjustment SET amount = given
     WHERE kind = adjustment_kind AND source = adjustment_source AND given <> 0;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT user_id, 'adjustment', given, kind || ':' || source, note, clock_timestamp()
      FROM tokens_adjustment
     WHERE kind = adjustment_kind AND source = adjustment_source
       AND given <> 0 AND kind <> 'renewal';
$$;


-- Begin the period that an invoice has paid, once by its source; true when it began now. One that
-- runs already, or that a later invoice has followed, is not begun again.
CREATE FUNCTION tokens_renew_period(
    account bigint, new_tier text, starts timestamptz, ends timestamptz, renewer text,
    invoice text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    given bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'renewal', invoice, new_tier, '') THEN
        RETURN false;
    END IF;
    IF starts <= balance.period_start AND new_tier = balance.tier_id THEN
        UPDATE tokens_balance SET renews_by = renewer
         WHERE user_id = account AND renews_by = 'schedule';
        PERFORM tokens_set_due(account);
        RETURN false;
    END IF;
    IF starts < balance.period_start AND balance.renews_by = 'invoice' THEN
        RETURN false;
    END IF;
    PERFORM tokens_expire_bonus(account);
    given := tokens_start_period(account, new_tier, starts, ends, renewer, invoice);
    PERFORM tokens_end_adjustment('renewal', invoice, given);
    PERFORM tokens_set_due(account);
    PERFORM tokens_roll(account);
    RETURN true;
END $$;


-- Put a user on a tier, once by source; answers the tokens given, or taken if negative: the
-- difference of the allowances for the rest of the period. Only what is unspent and not held is
-- taken. The period goes on.
CREATE FUNCTION tokens_change_tier(
    account bigint, new_tier text, renewer text, change_source text, reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    difference bigint;
    rest numeric;
    given bigint;
    repaid bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'tier', change_source, new_tier, reason) THEN
        RETURN (SELECT amount FROM tokens_adjustment
                 WHERE kind = 'tier' AND source = change_source);
    END IF;

    SELECT next.monthly_tokens - last.monthly_tokens INTO STRICT difference
      FROM tokens_tier next, tokens_tier last
     WHERE next.name = new_tier AND last.name = balance.tier_id;
    rest := extract(epoch FROM balance.period_end - tokens_now())
          / extract(epoch FROM balance.period_end - balance.period_start);
    given := trunc(difference * GREATEST(0, LEAST(1, rest)));
    given := GREATEST(
        given,
        - (balance.allocated - balance.used - balance.lapsing),
        - (balance.allocated + balance.bonus - balance.used - balance.reserved)
    );
    repaid := GREATEST(0, LEAST(balance.overdrawn, given));

    UPDATE tokens_balance
       SET tier_id = new_tier, renews_by = COALESCE(renewer, renews_by),
           allocated = allocated + given, used = used + repaid, overdrawn = overdrawn - repaid
     WHERE user_id = account;
    PERFORM tokens_end_adjustment('tier', change_source, given);
    PERFORM tokens_lapse(account);
    PERFORM tokens_set_due(account);
    PERFORM tokens_roll(account);
    RETURN given;
END $$;


-- Take unspent tokens for a refund, once by source: from the allowance, then from the bonus that
-- would last longest. Never what is held. Answers how many it took.
CREATE FUNCTION tokens_take_back(
    account bigint, wanted bigint, taking_source text, reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    pot record;
    taken bigint;
    part bigint;
    from_allowance bigint;
    rest bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'take_back', taking_source, NULL, reason) THEN
        RETURN (SELECT -amount FROM tokens_adjustment
                 WHERE kind = 'take_back' AND source = taking_source);
    END IF;

    taken := LEAST(
        wanted, balance.allocated + balance.bonus - balance.used - balance.reserved
    );
    from_allowance := LEAST(taken, balance.allocated - balance.used - balance.lapsing);
    rest := taken - from_allowance;
    FOR pot IN
        SELECT id, remaining FROM tokens_grant
         WHERE user_id = account AND remaining > 0 ORDER BY expires_at DESC NULLS FIRST, id DESC
    LOOP
        EXIT WHEN rest = 0;
        part := LEAST(rest, pot.remaining);
        UPDATE tokens_grant SET remaining = remaining - part WHERE id = pot.id;
        rest := rest - part;
    END LOOP;

    UPDATE tokens_balance
       SET allocated = allocated - from_allowance, bonus = bonus - (taken - from_allowance)
     WHERE user_id = account;
    PERFORM tokens_end_adjustment('take_back', taking_source, -taken);
    RETURN taken;
END $$;


-- The functions of 0002_ledger.sql that periods and expiry concern.

-- Give tokens once per (kind, source). True when given now, false when it was given before.
CREATE OR REPLACE FUNCTION tokens_grant(
    account bigint, entry_kind text, grant_amount bigint, entry_source text,
    entry_note text, grant_expires_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    repaid bigint;
BEGIN
    PERFORM tokens_roll(account);
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
           SET bonus = bonus + grant_amount - repaid, overdrawn = overdrawn - repaid,
               due_at = LEAST(due_at, grant_expires_at)
         WHERE user_id = account;
    ELSE
        UPDATE tokens_balance
           SET allocated = allocated + grant_amount, used = used + repaid,
               overdrawn = overdrawn - repaid
         WHERE user_id = account;
    END IF;
    PERFORM tokens_lapse(account);
    RETURN true;
END $$;


-- Take tokens from where they expire soonest: what lapses, bonus that ends within the period, the
-- allowance, then the other bonus. What is not covered, or is held for others, is written as
-- overdrawn. The caller has locked the balance, brought it up to date, and freed the
-- request's own hold.
CREATE OR REPLACE FUNCTION tokens_burn(account bigint, amount bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    pot record;
    covered bigint;
    rest bigint;
    part bigint;
    from_bonus bigint := 0;
    from_lapsing bigint;
    from_allowance bigint := 0;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    covered := LEAST(
        amount, balance.allocated + balance.bonus - balance.used - balance.reserved
    );
    from_lapsing := LEAST(covered, balance.lapsing);
    rest := covered - from_lapsing;

    IF balance.bonus > 0 THEN
        FOR pot IN
            SELECT id, remaining,
                   COALESCE(expires_at > balance.period_end, true) AS outlives_period
              FROM tokens_grant
             WHERE user_id = account AND remaining > 0
             ORDER BY expires_at NULLS LAST, id
        LOOP
            IF pot.outlives_period AND from_allowance = 0 THEN
                from_allowance := LEAST(
                    rest, balance.allocated - balance.used - balance.lapsing
                );
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
       SET used = used + from_lapsing + from_allowance + rest,
           lapsing = lapsing - from_lapsing,
           bonus = bonus - from_bonus,
           overdrawn = overdrawn + amount - covered
     WHERE user_id = account;
END $$;


-- Hold tokens. Each item: {id, user_id, minimum, amount, ttl (seconds), request_id, api_key,
-- endpoint, model}. It holds `amount`, or what there is of it as long as that is `minimum`.
-- Answers in the order of the items: {held, available}; held 0 = refused; null = no balance row.
-- Of one user's items the earlier are served first. The same id holds once.
CREATE OR REPLACE FUNCTION tokens_reserve(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    item record;
    room bigint;
    due boolean;
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
        SELECT allocated + bonus - used - reserved, due_at <= moment INTO room, due
          FROM tokens_balance WHERE user_id = item.user_id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF due THEN
            PERFORM tokens_roll(item.user_id);
            SELECT allocated + bonus - used - reserved INTO room
              FROM tokens_balance WHERE user_id = item.user_id;
        END IF;

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
-- A hold that has expired meanwhile is still charged: what was used was used. A charge belongs to
-- the period in which it is settled.
CREATE OR REPLACE FUNCTION tokens_settle(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    item record;
    hold tokens_reservation;
    room bigint;
    over bigint;
    due boolean;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT * FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (id uuid, user_id bigint, charge bigint, record jsonb)
        ) WITH ORDINALITY AS done(id, user_id, charge, record, position)
        ORDER BY user_id, position
    LOOP
        SELECT allocated + bonus - used - reserved, lapsing, due_at <= moment
          INTO room, over, due
          FROM tokens_balance WHERE user_id = item.user_id FOR UPDATE;
        IF due THEN
            PERFORM tokens_roll(item.user_id);
            SELECT allocated + bonus - used - reserved, lapsing INTO room, over
              FROM tokens_balance WHERE user_id = item.user_id;
        END IF;
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
        room := GREATEST(room - item.charge, 0);
        IF over > 0 THEN
            room := tokens_lapse(item.user_id);
        END IF;
        answers[item.position] := jsonb_build_object(
            'charged', item.charge, 'available', room, 'fresh', true
        );
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


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
                'duration_ms', 0, 'created_at', hold.created_at
            ));
        END IF;
        IF over > 0 THEN
            PERFORM tokens_lapse(hold.user_id);
        END IF;
        freed := freed + 1;
    END LOOP;
    RETURN freed;
END $$;
