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
    balance tokens_balance;
    hold tokens_reservation;
    room bigint;
    receipt tokens_usagerecord;
BEGIN
    IF charge = 0 OR done->>'record' IS NULL OR done->>'key_budget' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT FOUND OR balance.due_at <= tokens_now() OR balance.lapsing > 0
        OR balance.bonus > 0 AND NOT tokens_allowance_pays(balance, charge)
    THEN
        RETURN NULL;
    END IF;
    SELECT * INTO hold
      FROM tokens_reservation WHERE id = reservation AND user_id = account AND state = 'held';
    room := balance.allocated + balance.bonus - balance.used - balance.reserved + hold.amount;
    IF NOT FOUND OR room < charge THEN
        RETURN NULL;
    END IF;
    UPDATE tokens_reservation SET state = 'settled', closed_at = clock_timestamp()
     WHERE id = reservation;
    UPDATE tokens_balance SET reserved = reserved - hold.amount, used = used + charge
     WHERE user_id = account;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    VALUES (account, 'usage', -charge, reservation::text, '', clock_timestamp());
    receipt := tokens_compose_receipt(done->'record', hold, charge, room);
    INSERT INTO tokens_usagerecord VALUES (receipt.*);
    RETURN jsonb_build_object('charged', charge, 'available', room - charge, 'fresh', true);
END $$;


-- Tell whether all of a charge burns the allowance.
CREATE OR REPLACE FUNCTION tokens_allowance_pays(balance tokens_balance, charge bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT kind = 'allowance' AND remaining >= charge
          FROM tokens_burn_order(balance, false) ORDER BY place LIMIT 1
    );
END $$;


-- Compose a receipt: what the caller knows of the request, what its hold says, what was charged, and
-- what was available just before, with the hold freed.
CREATE OR REPLACE FUNCTION tokens_compose_receipt(
    record jsonb, hold tokens_reservation, charge bigint, room bigint
) RETURNS tokens_usagerecord LANGUAGE plpgsql AS $$
DECLARE
    receipt tokens_usagerecord := jsonb_populate_record(NULL::tokens_usagerecord, record);
BEGIN
    receipt.id := hold.id;
    receipt.user_id := hold.user_id;
    receipt.charged := charge;
    receipt.request_id := hold.request_id;
    receipt.api_key := hold.api_key;
    receipt.endpoint := hold.endpoint;
    receipt.available_before := room;
    receipt.available_after := GREATEST(room - charge, 0);
    receipt.created_at := hold.created_at;
    receipt.session := hold.session;
    receipt.task := hold.task;
    -- A process of an earlier version, and what it has left in the spool, leaves these out.
    receipt.cache_write_tokens := COALESCE(receipt.cache_write_tokens, 0);
    receipt.surplus_tokens := COALESCE(receipt.surplus_tokens, 0);
    RETURN receipt;
END $$;


-- How one item of a batch ends. Of those that change nothing only `position` and `answer` are set.
-- To drop the type would drop functions that may be running. So whoever changes it drops it in the
-- migration, before this file is installed.
DO $$
BEGIN
    CREATE TYPE tokens_settlement AS (
        position bigint,
        answer jsonb,
        hold tokens_reservation, -- as it was
        charge bigint,
        freed bigint, -- what it held; 0 if it has expired
        covered bigint, -- so much of the charge; null if it is written already
        room bigint, -- what was available before the charge, with the hold freed
        with_receipt boolean
    );
EXCEPTION WHEN duplicate_object THEN
    NULL;
END $$;


-- Close any batch, in the steps that batches.sql tells.
CREATE OR REPLACE FUNCTION tokens_settle_together(batch jsonb) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    settled tokens_settlement[];
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
    item tokens_settlement;
BEGIN
    IF NOT tokens_lock(batch) THEN
        RETURN tokens_each('tokens_settle', batch);
    END IF;
    settled := ARRAY(SELECT decided FROM tokens_decide_settlements(batch) AS decided);
    PERFORM tokens_take_payments(settled);
    PERFORM tokens_close_holds(batch, settled);
    FOREACH item IN ARRAY settled LOOP
        answers[item.position] := item.answer;
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


-- Decide on each item, in the order of arrival for each user. The balances are locked and up to date.
-- Nothing is written, but for users who have tokens that lapse: what a hold of theirs frees may be
-- gone before the next item.
CREATE OR REPLACE FUNCTION tokens_decide_settlements(batch jsonb)
RETURNS SETOF tokens_settlement LANGUAGE plpgsql AS $$
DECLARE
    item record;
    hold tokens_reservation;
    done tokens_settlement;
    account bigint;
    room bigint; -- what this user has available, as the pass goes on
    -- By how much the pass has let what this user's keys spend grow.
    keys uuid[];
    spent bigint[];
BEGIN
    FOR item IN
        SELECT wanted.*, b.allocated + b.bonus - b.used - b.reserved AS room, b.lapsing, found.hold
          FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (
                id uuid, user_id bigint, charge bigint, record jsonb, bounded boolean,
                key_budget bigint
            )
        ) WITH ORDINALITY AS wanted(id, user_id, charge, record, bounded, key_budget, position)
         CROSS JOIN LATERAL (
            SELECT r AS hold FROM tokens_reservation r WHERE r.id = wanted.id LIMIT 1
          ) AS found
          JOIN tokens_balance b ON b.user_id = wanted.user_id
         ORDER BY wanted.user_id, wanted.position
    LOOP
        hold := item.hold;
        CONTINUE WHEN hold.user_id <> item.user_id;
        IF account IS DISTINCT FROM item.user_id THEN
            account := item.user_id;
            room := item.room;
            keys := '{}';
            spent := '{}';
        END IF;
        done := NULL;
        done.position := item.position;
        IF hold.state IN ('settled', 'released') THEN
            done.answer := tokens_closed_before(item.id, room);
            RETURN NEXT done;
            CONTINUE;
        END IF;

        done.freed := CASE hold.state WHEN 'held' THEN hold.amount ELSE 0 END;
        IF item.bounded THEN
            done.answer := tokens_refuse_report(
                item.charge, done.freed, room,
                tokens_key_left(
                    account, hold.api_key, item.key_budget, tokens_month(hold.created_at)
                ) - (
                    SELECT COALESCE(sum(more), 0) FROM unnest(keys, spent) AS before(key, more)
                     WHERE key = hold.api_key
                )::bigint
            );
            IF done.answer IS NOT NULL THEN
                RETURN NEXT done;
                CONTINUE;
            END IF;
        END IF;
        IF hold.api_key IS NOT NULL THEN
            keys := keys || hold.api_key;
            spent := spent || item.charge - done.freed;
        END IF;

        done.hold := hold;
        done.charge := item.charge;
        done.room := room + done.freed;
        done.with_receipt := item.record IS NOT NULL;
        IF item.lapsing = 0 THEN
            done.covered := LEAST(item.charge, done.room);
            room := done.room - done.covered;
        ELSE
            room := tokens_close(account, done.freed, item.charge);
        END IF;
        done.answer := jsonb_build_object(
            'charged', item.charge, 'available', room, 'fresh', true
        );
        RETURN NEXT done;
    END LOOP;
END $$;


-- Answer for a hold that was closed before: what was charged then stands.
CREATE OR REPLACE FUNCTION tokens_closed_before(reservation uuid, room bigint)
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'charged',
        COALESCE((SELECT charged FROM tokens_usagerecord WHERE id = reservation), 0),
        'available', room, 'fresh', false
    );
$$;


-- Refuse a client's report that passes its hold by more than balance and budget allow; null if it
-- does not. A budget that was made smaller meanwhile takes nothing from the hold.
CREATE OR REPLACE FUNCTION tokens_refuse_report(
    charge bigint, freed bigint, room bigint, key_left bigint
) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF key_left < 0 THEN
        key_left := 0;
    END IF;
    IF charge <= freed + LEAST(room, key_left) THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object(
        'charged', NULL, 'available', freed + room, 'key_left', freed + key_left, 'fresh', false
    );
END $$;


-- Write what a batch does to the balances and to the books.
CREATE OR REPLACE FUNCTION tokens_take_payments(settled tokens_settlement[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tokens_pay(
                array_agg(account), array_agg(held), array_agg(payment), array_agg(debt)
            )
       FROM (
        SELECT (hold).user_id AS account, sum(freed)::bigint AS held,
               sum(covered)::bigint AS payment, sum(charge - covered)::bigint AS debt
          FROM unnest(settled) WHERE covered IS NOT NULL GROUP BY (hold).user_id
       ) AS sums;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT (hold).user_id, 'usage', -charge, (hold).id::text, '', clock_timestamp()
      FROM unnest(settled) WHERE charge > 0;
END $$;


-- Close the holds of a batch, and write a receipt for each that something ran for. A hold that has
-- expired has a provisional one, which says that nothing is known yet: the new one replaces it.
CREATE OR REPLACE FUNCTION tokens_close_holds(batch jsonb, settled tokens_settlement[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    done tokens_settlement;
    closed uuid[] := '{}';
    released uuid[] := '{}';
    late uuid[] := '{}';
    receipts tokens_usagerecord[] := '{}';
BEGIN
    FOREACH done IN ARRAY settled LOOP
        CONTINUE WHEN done.charge IS NULL; -- Nothing changes.
        closed := closed || (done.hold).id;
        IF (done.hold).state <> 'held' THEN
            late := late || (done.hold).id;
        END IF;
        IF done.with_receipt THEN
            receipts := receipts || tokens_compose_receipt(
                batch->(done.position::integer - 1)->'record', done.hold, done.charge, done.room
            );
        ELSE
            released := released || (done.hold).id;
        END IF;
    END LOOP;
    UPDATE tokens_reservation
       SET state = CASE WHEN id = ANY(released) THEN 'released' ELSE 'settled' END,
           closed_at = clock_timestamp()
     WHERE id = ANY(closed);
    IF cardinality(late) > 0 THEN
        DELETE FROM tokens_usagerecord u WHERE u.id = ANY(late) AND NOT u.final AND u.charged = 0;
    END IF;
    INSERT INTO tokens_usagerecord SELECT * FROM unnest(receipts);
END $$;


-- Free a hold and charge a user who has tokens that lapse; answers what is available then.
CREATE OR REPLACE FUNCTION tokens_close(account bigint, freed bigint, charge bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens_balance SET reserved = reserved - freed WHERE user_id = account;
    IF charge > 0 THEN
        PERFORM tokens_burn(account, charge);
    END IF;
    RETURN tokens_lapse(account);
END $$;
