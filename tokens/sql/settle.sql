-- The second function of the hot path: a hold is closed, what was used is charged, and a receipt
-- written. What is done *alone* and what *together*, reserve.sql says.

-- Close reservations. Each item: {id, user_id, charge, record, bounded, key_budget}. `record` holds
-- the columns of tokens_usagerecord, or null where nothing ran: then the hold is only released.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was closed
-- before, and what was charged then stands; null = there is no such reservation.
-- What a provider has reported is charged in full. What a client reports is `bounded`: it is charged
-- up to the hold plus what the balance and the budget of the hold's key allow. More is refused, with
-- nothing changed: {charged: null, available, key_left, fresh: false}, what could be charged.
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
    receipt tokens_usagerecord;
BEGIN
    IF charge = 0 OR done->>'record' IS NULL OR done->>'key_budget' IS NOT NULL THEN
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
    receipt := jsonb_populate_record(NULL::tokens_usagerecord, done->'record');
    receipt.id := reservation;
    receipt.user_id := account;
    receipt.charged := charge;
    receipt.request_id := hold.request_id;
    receipt.api_key := hold.api_key;
    receipt.endpoint := hold.endpoint;
    receipt.available_before := room;
    receipt.available_after := room - charge;
    receipt.created_at := hold.created_at;
    INSERT INTO tokens_usagerecord VALUES (receipt.*);
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
    key_left bigint;
    covered bigint;
    allowance bigint; -- what this user's period has left, as the pass goes on
    -- Their bonuses that have anything left, the soonest to end first.
    pots bigint[];
    remaining_of bigint[];
    ending bigint; -- so many of them end within the period
    spared bigint;
    rest bigint;
    part bigint;
    -- By how much the pass has let what this user's keys spend grow.
    keys uuid[];
    spent bigint[];
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    late uuid[] := '{}';
    receipt tokens_usagerecord;
    receipts tokens_usagerecord[] := '{}';
    -- What is to be written of each closed item,
    closed uuid[] := '{}';
    released uuid[] := '{}';
    payers bigint[] := '{}';
    charges bigint[] := '{}';
    -- and to its user's balance, unless that has tokens that lapse.
    accounts bigint[] := '{}';
    frees bigint[] := '{}';
    uses bigint[] := '{}';
    bonuses bigint[] := '{}';
    debts bigint[] := '{}';
    -- What the bonuses pay.
    burning bigint[] := '{}';
    burnt bigint[] := '{}';
BEGIN
    IF NOT tokens_lock(batch) THEN
        RETURN tokens_each('tokens_settle', batch);
    END IF;

    FOR item IN
        SELECT done.*, b.allocated + b.bonus - b.used - b.reserved AS room,
               b.allocated - b.used AS allowance, b.bonus, b.lapsing, b.period_end, h.*
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, charge bigint, record tokens_usagerecord,
                bounded boolean, key_budget bigint
            )
        ) WITH ORDINALITY AS done(id, user_id, charge, record, bounded, key_budget, position)
         CROSS JOIN LATERAL (
            SELECT user_id AS holder, amount, state, request_id, api_key, endpoint, created_at
              FROM tokens_reservation WHERE id = done.id LIMIT 1
          ) AS h
          JOIN tokens_balance b ON b.user_id = done.user_id
         ORDER BY done.user_id, done.position
    LOOP
        CONTINUE WHEN item.holder <> item.user_id;
        IF account IS DISTINCT FROM item.user_id THEN
            account := item.user_id;
            room := item.room;
            allowance := item.allowance;
            keys := '{}';
            spent := '{}';
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

        freed := CASE item.state WHEN 'held' THEN item.amount ELSE 0 END;
        IF item.bounded THEN
            key_left := tokens_key_left(
                account, item.api_key, item.key_budget, tokens_month(item.created_at)
            ) - (
                SELECT COALESCE(sum(more), 0) FROM unnest(keys, spent) AS before(key, more)
                 WHERE key = item.api_key
            );
            IF key_left < 0 THEN -- The budget was made smaller meanwhile: the hold stays good.
                key_left := 0;
            END IF;
            IF item.charge > freed + LEAST(room, key_left) THEN
                answers[item.position] := jsonb_build_object(
                    'charged', NULL, 'available', freed + room, 'key_left', freed + key_left,
                    'fresh', false
                );
                CONTINUE;
            END IF;
        END IF;
        IF item.api_key IS NOT NULL THEN
            keys := keys || item.api_key;
            spent := spent || item.charge - freed;
        END IF;

        closed := closed || item.id;
        payers := payers || account;
        charges := charges || item.charge;
        IF item.state <> 'held' THEN
            late := late || item.id;
        END IF;
        room := room + freed;
        IF item.record IS NOT DISTINCT FROM NULL THEN -- IS NULL would look into the row.
            released := released || item.id;
        ELSE
            receipt := item.record;
            receipt.id := item.id;
            receipt.user_id := account;
            receipt.charged := item.charge;
            receipt.request_id := item.request_id;
            receipt.api_key := item.api_key;
            receipt.endpoint := item.endpoint;
            receipt.available_before := room;
            receipt.available_after := GREATEST(room - item.charge, 0);
            receipt.created_at := item.created_at;
            receipts := receipts || receipt;
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

    UPDATE tokens_reservation
       SET state = CASE WHEN id = ANY(released) THEN 'released' ELSE 'settled' END,
           closed_at = clock_timestamp()
     WHERE id = ANY(closed);
    IF cardinality(burning) > 0 THEN
        UPDATE tokens_grant g SET remaining = g.remaining - sums.amount
          FROM (
            SELECT pot, sum(amount)::bigint AS amount
              FROM unnest(burning, burnt) AS paid(pot, amount) GROUP BY pot
          ) AS sums
         WHERE g.id = sums.pot;
    END IF;
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
      FROM unnest(closed, payers, charges) AS done(id, payer, amount) WHERE amount > 0;
    IF cardinality(late) > 0 THEN -- Its receipt says so far that nothing is known of it.
        DELETE FROM tokens_usagerecord u WHERE u.id = ANY(late) AND NOT u.final AND u.charged = 0;
    END IF;
    INSERT INTO tokens_usagerecord SELECT * FROM unnest(receipts);
    RETURN to_jsonb(answers);
END $$;


-- Free a hold and charge a user who has more than their allowance to burn, or tokens that lapse;
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
