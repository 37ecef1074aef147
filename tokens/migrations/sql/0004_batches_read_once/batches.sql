-- What reserve.sql and settle.sql share: a batch costs a handful of statements, however many
-- callers are in it.
--
-- Both work in the same steps. They lock the balances of the batch in the order of user ids and
-- bring those that are due up to date; then, in one pass in the order of arrival, they decide every
-- item in variables; then they write what was decided, one statement for each table. As ever,
-- whatever concerns a user's holds happens under the lock of their balance, so what the pass reads
-- stays true until the end.
--
-- The settings on the functions keep one plan, by index, for each statement: whatever the
-- statistics of a young or a fast-growing table say, and without planning it anew. Where such a
-- table seemed so small that all of it was read first, LATERAL and LIMIT 1 keep it to the one row.

-- Lock the balances of a batch, in order, and bring those that are due up to date. False, with
-- nothing done, when an id occurs in it twice.
CREATE OR REPLACE FUNCTION tokens_lock(batch jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    accounts bigint[];
    due bigint[];
BEGIN
    SELECT array_agg(user_id) INTO accounts
      FROM jsonb_to_recordset(batch) AS item(id uuid, user_id bigint)
    HAVING count(DISTINCT id) = count(*);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT array_agg(user_id) FILTER (WHERE due_at <= tokens_now()) INTO due
      FROM (
        SELECT user_id, due_at FROM tokens_balance
         WHERE user_id = ANY(accounts) ORDER BY user_id FOR UPDATE
      ) AS locked;
    IF due IS NOT NULL THEN
        PERFORM tokens_roll(account) FROM unnest(due) AS account;
    END IF;
    RETURN true;
END $$;


-- Answer a batch in which ids repeat: each item by itself, so that the later one sees the earlier.
CREATE OR REPLACE FUNCTION tokens_each(function text, batch jsonb)
RETURNS jsonb LANGUAGE plpgsql AS $$
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


-- Every request writes its user's balance twice: room on its page keeps the indexes out of that.
ALTER TABLE tokens_balance SET (fillfactor = 50);
