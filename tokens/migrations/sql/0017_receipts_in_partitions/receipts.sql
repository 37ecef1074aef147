-- Receipts: provisional until the provider has said what was used, then final.

-- Write one receipt. A request that settles after its hold expired replaces the provisional one.
CREATE OR REPLACE FUNCTION tokens_write_record(receipt jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tokens_usagerecord
     WHERE id = (receipt->>'id')::uuid AND NOT final AND charged = 0;
    -- Not `(f(…)).*`, which calls the function once for every column.
    INSERT INTO tokens_usagerecord
    SELECT r.* FROM jsonb_populate_record(
        NULL::tokens_usagerecord,
        '{"cache_write_tokens": 0, "surplus_tokens": 0, "session": "", "task": ""}' || receipt
    ) AS r;
END $$;


-- What the tokens of a receipt come to by its weights; null where it names none. A receipt without
-- weights of cached tokens charged them as all of its prompt. verify_ledger holds charges to this.
CREATE OR REPLACE FUNCTION tokens_weighed(receipt tokens_usagerecord)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ceil(
        (receipt.prompt_tokens - receipt.cached_tokens - receipt.cache_write_tokens)
        * receipt.weight_prompt
        + receipt.cached_tokens * COALESCE(receipt.weight_cache_read, receipt.weight_prompt)
        + receipt.cache_write_tokens * COALESCE(receipt.weight_cache_write, receipt.weight_prompt)
        + receipt.completion_tokens * receipt.weight_completion
    )::bigint
$$;


-- Claim up to `at_most` provisional receipts whose provider is to be asked now; answers their ids.
-- The next time is set before anybody asks: after 10 s, then twice as long each time, up to an
-- hour. So two who claim at once get different ones, and one that dies is followed by the next.
CREATE OR REPLACE FUNCTION tokens_claim_provisional(at_most integer)
RETURNS SETOF uuid LANGUAGE sql AS $$
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


-- Make provisional receipts final. Each item: {id, user_id, charge, record}. `record` holds the
-- columns that the provider's word changes; charge null = the receipt stays as it is.
-- Answers in the order of the items: {charged, available, fresh}; fresh false = it was final
-- before, and what was charged then stands; null = there is no such receipt.
-- An expired hold counts as settled from then on: its process, should it live, comes too late.
CREATE OR REPLACE FUNCTION tokens_adjust(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
            IF item.charge IS NOT NULL THEN -- A process of an earlier version leaves these out.
                item.record := '{"cache_write_tokens": 0, "surplus_tokens": 0,
                                 "weight_cache_read": null, "weight_cache_write": null}'
                               || item.record;
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
                   cache_write_tokens = told.cache_write_tokens,
                   surplus_tokens = told.surplus_tokens,
                   price_prompt = told.price_prompt, price_completion = told.price_completion,
                   price_cached = told.price_cached, price_request = told.price_request,
                   price_cache_write = told.price_cache_write,
                   weight_prompt = told.weight_prompt, weight_completion = told.weight_completion,
                   weight_cache_read = told.weight_cache_read,
                   weight_cache_write = told.weight_cache_write,
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
