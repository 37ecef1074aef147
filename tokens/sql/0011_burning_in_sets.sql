-- A settlement that burns bonuses is written in sets, too, and so is what a key has spent.

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


-- What keys have spent: once for each statement that writes receipts, not once for each receipt.
DROP TRIGGER usage_counts_for_key ON tokens_usagerecord;
DROP FUNCTION tokens_count_for_key();

CREATE FUNCTION tokens_count_for_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE tokens_keyspending k SET charged = k.charged - sums.charged
          FROM (
            SELECT api_key, tokens_month(created_at) AS month, sum(charged) AS charged
              FROM gone WHERE api_key IS NOT NULL GROUP BY 1, 2
          ) AS sums
         WHERE k.api_key = sums.api_key AND k.month = sums.month;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE tokens_keyspending k SET charged = k.charged + sums.charged
          FROM (
            SELECT api_key, tokens_month(created_at) AS month, sum(charged) AS charged
              FROM come WHERE api_key IS NOT NULL GROUP BY 1, 2
          ) AS sums
         WHERE k.api_key = sums.api_key AND k.month = sums.month;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_counts_for_keys_inserted AFTER INSERT ON tokens_usagerecord
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();
CREATE TRIGGER usage_counts_for_keys_updated AFTER UPDATE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();
CREATE TRIGGER usage_counts_for_keys_deleted AFTER DELETE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();
