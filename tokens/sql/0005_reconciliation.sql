-- The provider's later word: receipts that were provisional become final, and charges right.


-- Give tokens back to where they burned, as well as that can be told: the reverse of tokens_burn.
-- First what was not covered; then, while the allowance is not used up, the allowance, which is
-- what burns now; bonus that outlives the period; the allowance; bonus that ends within the
-- period. What fits nowhere (the period is another by now) becomes a bonus until the period's end.
-- The caller has locked the balance.
CREATE FUNCTION tokens_refund(account bigint, amount bigint, cause text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    pot record;
    rest bigint := amount;
    part bigint;
    repaid bigint;
    to_allowance bigint := 0;
    to_bonus bigint := 0;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    repaid := LEAST(rest, balance.overdrawn);
    rest := rest - repaid;
    IF balance.used < balance.allocated THEN
        to_allowance := LEAST(rest, balance.used);
        rest := rest - to_allowance;
    END IF;

    FOR pot IN
        SELECT g.id, g.amount - g.remaining AS room,
               COALESCE(g.expires_at > balance.period_end, true) AS outlives_period
          FROM tokens_grant g
         WHERE g.user_id = account AND g.remaining < g.amount
           AND (g.expires_at IS NULL OR g.expires_at > tokens_now())
         ORDER BY g.expires_at DESC NULLS FIRST, g.id DESC
    LOOP
        IF NOT pot.outlives_period AND to_allowance = 0 THEN
            to_allowance := LEAST(rest, balance.used);
            rest := rest - to_allowance;
        END IF;
        EXIT WHEN rest = 0;
        part := LEAST(rest, pot.room);
        UPDATE tokens_grant SET remaining = remaining + part WHERE id = pot.id;
        to_bonus := to_bonus + part;
        rest := rest - part;
    END LOOP;

    IF to_allowance = 0 THEN
        to_allowance := LEAST(rest, balance.used);
        rest := rest - to_allowance;
    END IF;
    IF rest > 0 THEN
        INSERT INTO tokens_grant (user_id, amount, remaining, source, expires_at, created_at)
        VALUES (account, rest, rest, 'adjustment:' || cause, balance.period_end, clock_timestamp());
    END IF;
    UPDATE tokens_balance
       SET used = used - to_allowance,
           bonus = bonus + to_bonus + rest,
           overdrawn = overdrawn - repaid
     WHERE user_id = account;
END $$;


-- Make provisional receipts final. Each item: {id, user_id, charge, record}. `record` holds the
-- columns that the provider's word changes; charge null = the receipt stays as it is.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was final
-- before, and what was charged then stands; null = there is no such receipt.
-- An expired hold counts as settled from then on: its process, should it live, comes too late.
CREATE FUNCTION tokens_adjust(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    receipt tokens_usagerecord;
    told tokens_usagerecord;
    room bigint;
    difference bigint;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(batch)]);
BEGIN
    FOR item IN
        SELECT * FROM ROWS FROM (
            jsonb_to_recordset(batch) AS (id uuid, user_id bigint, charge bigint, record jsonb)
        ) WITH ORDINALITY AS said(id, user_id, charge, record, position)
        ORDER BY user_id, position
    LOOP
        PERFORM tokens_roll(user_id) FROM tokens_balance WHERE user_id = item.user_id;
        SELECT * INTO receipt FROM tokens_usagerecord
         WHERE id = item.id AND user_id = item.user_id FOR UPDATE;
        CONTINUE WHEN NOT FOUND;

        IF NOT receipt.final THEN
            difference := COALESCE(item.charge, receipt.charged) - receipt.charged;
            IF difference > 0 THEN
                PERFORM tokens_burn(item.user_id, difference);
            ELSIF difference < 0 THEN
                PERFORM tokens_refund(item.user_id, -difference, item.id::text);
                PERFORM tokens_lapse(item.user_id);
                PERFORM tokens_set_due(item.user_id);
            END IF;
            IF difference <> 0 THEN
                INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
                VALUES (item.user_id, 'adjustment', -difference, item.id::text,
                        'the provider''s later word', clock_timestamp());
            END IF;
            told := jsonb_populate_record(receipt, item.record);
            UPDATE tokens_usagerecord
               SET final = true, charged = receipt.charged + difference, ask_at = NULL,
                   available_after = GREATEST(
                       receipt.available_before - receipt.charged - difference, 0
                   ),
                   provider = told.provider, upstream_id = told.upstream_id,
                   source = told.source, prompt_tokens = told.prompt_tokens,
                   completion_tokens = told.completion_tokens,
                   cached_tokens = told.cached_tokens, reasoning_tokens = told.reasoning_tokens,
                   price_prompt = told.price_prompt, price_completion = told.price_completion,
                   price_cached = told.price_cached, price_request = told.price_request,
                   weight_prompt = told.weight_prompt, weight_completion = told.weight_completion,
                   cost = told.cost, upstream_cost = told.upstream_cost
             WHERE id = item.id;
            UPDATE tokens_reservation SET state = 'settled'
             WHERE id = item.id AND state = 'expired';
        END IF;

        SELECT allocated + bonus - used - reserved INTO room
          FROM tokens_balance WHERE user_id = item.user_id;
        answers[item.position] := jsonb_build_object(
            'charged', CASE WHEN receipt.final THEN receipt.charged
                            ELSE receipt.charged + difference END,
            'available', room, 'fresh', NOT receipt.final
        );
    END LOOP;
    RETURN to_jsonb(answers);
END $$;


-- Note with held reservations who answers them, so that the word of a dead process's requests can
-- be asked for. One that is being closed at this moment has a receipt that says it.
CREATE FUNCTION tokens_trace(held uuid[], providers text[], upstream_ids text[])
RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_reservation AS hold
       SET provider = seen.provider, upstream_id = seen.upstream_id
      FROM unnest(held, providers, upstream_ids) AS seen(id, provider, upstream_id)
     WHERE hold.id = seen.id AND hold.id IN (
        SELECT id FROM tokens_reservation
         WHERE id = ANY(held) AND state = 'held' FOR UPDATE SKIP LOCKED
     );
$$;


-- Claim up to `at_most` provisional receipts whose provider is to be asked now; answers their ids.
-- The next time is set before anybody asks: after 10 s, then twice as long each time, up to an
-- hour. So two who claim at once get different ones, and one that dies is followed by the next.
CREATE FUNCTION tokens_claim_provisional(at_most integer) RETURNS SETOF uuid LANGUAGE sql AS $$
    UPDATE tokens_usagerecord
       SET asked = COALESCE(asked, 0) + 1,
           ask_at = clock_timestamp()
                  + make_interval(secs => LEAST(10 * 2 ^ LEAST(COALESCE(asked, 0), 20), 3600))
     WHERE id IN (
        SELECT id FROM tokens_usagerecord
         WHERE NOT final AND (ask_at IS NULL OR ask_at <= clock_timestamp())
         ORDER BY created_at LIMIT at_most FOR UPDATE SKIP LOCKED
     )
    RETURNING id;
$$;
