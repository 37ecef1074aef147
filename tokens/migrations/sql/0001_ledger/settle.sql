-- The second function of the hot path: a hold is closed, what was used is charged, and a receipt
-- written. What is done *alone* and what *together*, reserve.sql says.

-- Close reservations. Each item: {id, user_id, charge, record}. `record` holds the columns of
-- tokens_usagerecord, or null where nothing ran: then the hold is only released.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was closed
-- before, and what was charged then stands; null = there is no such reservation.
-- A hold that has expired meanwhile is still charged: what was used was used. A charge belongs to
-- the period in which it is settled.
CREATE OR REPLACE FUNCTION tokens_settle(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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


-- Close the one reservation; null unless the running period's allowance pays for all of it.
CREATE OR REPLACE FUNCTION tokens_settle_alone(done jsonb) RETURNS jsonb LANGUAGE plpgsql
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


-- Close any batch, in the steps that batches.sql tells.
CREATE OR REPLACE FUNCTION tokens_settle_together(batch jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    item record;
    account bigint;
    room bigint;
    freed bigint;
    covered bigint;
    allowance bigint; -- what this user's period has left, as the pass goes on
    -- His bonuses that have anything left, the soonest to end first.
    pots bigint[];
    remaining_of bigint[];
    ending bigint; -- so many of them end within the period
    spared bigint;
    rest bigint;
    part bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    closed uuid[] := '{}';
    states text[] := '{}';
    late uuid[] := '{}';
    receipts jsonb[] := '{}';
    -- What is to be written of each closed item whose user has no tokens that lapse.
    accounts bigint[] := '{}';
    frees bigint[] := '{}';
    uses bigint[] := '{}';
    bonuses bigint[] := '{}';
    debts bigint[] := '{}';
    -- What the bonuses pay.
    burning bigint[] := '{}';
    burnt bigint[] := '{}';
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
               b.allocated - b.used AS allowance, b.bonus, b.lapsing, b.period_end,
               h.user_id AS holder, h.amount, h.state, h.request_id,
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
            allowance := item.allowance;
            pots := '{}';
            IF item.bonus > 0 THEN
                SELECT array_agg(id ORDER BY expires_at NULLS LAST, id),
                       array_agg(remaining ORDER BY expires_at NULLS LAST, id),
                       count(*) FILTER (WHERE expires_at <= item.period_end)
                  INTO pots, remaining_of, ending
                  FROM tokens_grant WHERE user_id = account AND remaining > 0;
            END IF;
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

        IF item.lapsing = 0 THEN
            covered := LEAST(item.charge, room);
            rest := covered;
            -- A bonus that ends within the period burns before the allowance, any other after it.
            FOR pot IN 1 .. cardinality(pots) LOOP
                spared := CASE WHEN pot > ending THEN allowance ELSE 0 END;
                EXIT WHEN rest <= spared;
                part := LEAST(remaining_of[pot], rest - spared);
                CONTINUE WHEN part = 0;
                remaining_of[pot] := remaining_of[pot] - part;
                burning := burning || pots[pot];
                burnt := burnt || part;
                rest := rest - part;
            END LOOP;
            allowance := allowance - rest;
            accounts := accounts || account;
            frees := frees || freed;
            uses := uses || rest;
            bonuses := bonuses || (covered - rest);
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
    UPDATE tokens_grant g SET remaining = g.remaining - sums.amount
      FROM (
        SELECT pot, sum(amount)::bigint AS amount
          FROM unnest(burning, burnt) AS paid(pot, amount) GROUP BY pot
      ) AS sums
     WHERE g.id = sums.pot;
    UPDATE tokens_balance b
       SET reserved = b.reserved - sums.held, used = b.used + sums.burned,
           bonus = b.bonus - sums.paid, overdrawn = b.overdrawn + sums.owed
      FROM (
        SELECT payer, sum(held)::bigint AS held, sum(burned)::bigint AS burned,
               sum(paid)::bigint AS paid, sum(owed)::bigint AS owed
          FROM unnest(accounts, frees, uses, bonuses, debts)
            AS done(payer, held, burned, paid, owed)
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
CREATE OR REPLACE FUNCTION tokens_close(account bigint, freed bigint, charge bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens_balance SET reserved = reserved - freed WHERE user_id = account;
    IF charge > 0 THEN
        PERFORM tokens_burn(account, charge);
    END IF;
    RETURN tokens_lapse(account);
END $$;
