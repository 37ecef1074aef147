-- Budgets of API keys: so many tokens in a calendar month (UTC), exact however many requests race.
--
-- What a key has spent is kept for those that have a budget: the first request of a month counts
-- the month's receipts, and every receipt that is written or corrected later keeps it right. All
-- of it happens under the lock of the user's balance.

-- What a key has spent in a month, with what it holds now. The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_key_spent(account bigint, key uuid, in_month date)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    spent bigint;
    held bigint;
BEGIN
    SELECT charged INTO spent FROM tokens_keyspending WHERE api_key = key AND month = in_month;
    IF NOT FOUND THEN
        SELECT COALESCE(SUM(charged), 0) INTO spent FROM tokens_usagerecord
         WHERE user_id = account AND api_key = key
           AND created_at >= in_month::timestamp AT TIME ZONE 'UTC'
           AND created_at < (in_month + interval '1 month') AT TIME ZONE 'UTC';
        INSERT INTO tokens_keyspending (api_key, month, charged) VALUES (key, in_month, spent);
    END IF;
    SELECT COALESCE(SUM(amount), 0) INTO held FROM tokens_reservation
     WHERE user_id = account AND state = 'held' AND api_key = key;
    RETURN spent + held;
END $$;


-- What the budget of a key leaves of a month; null without a budget. The caller has locked the
-- balance.
CREATE OR REPLACE FUNCTION tokens_key_left(account bigint, key uuid, budget bigint, in_month date)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF key IS NULL OR budget IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN budget - tokens_key_spent(account, key, in_month);
END $$;


-- The calendar month of a moment.
CREATE OR REPLACE FUNCTION tokens_month(moment timestamptz)
RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('month', moment AT TIME ZONE 'UTC')::date;
$$;


-- Count what receipts charge: once for each statement that writes some, not once for each receipt.
CREATE OR REPLACE FUNCTION tokens_count_for_keys() RETURNS trigger LANGUAGE plpgsql AS $$
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


CREATE OR REPLACE TRIGGER usage_counts_for_keys_inserted AFTER INSERT ON tokens_usagerecord
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();
CREATE OR REPLACE TRIGGER usage_counts_for_keys_deleted AFTER DELETE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();


-- A receipt that changes is counted for its key only where its charge does. So what merely notes
-- that a provider was asked touches no counter, which only the owner of the balance's lock may.
CREATE OR REPLACE FUNCTION tokens_recount_for_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens_keyspending k SET charged = k.charged + sums.more
      FROM (
        SELECT come.api_key, tokens_month(come.created_at) AS month,
               sum(come.charged - gone.charged) AS more
          FROM come JOIN gone ON gone.id = come.id
         WHERE come.api_key IS NOT NULL AND come.charged <> gone.charged
         GROUP BY 1, 2
      ) AS sums
     WHERE k.api_key = sums.api_key AND k.month = sums.month;
    RETURN NULL;
END $$;


CREATE OR REPLACE TRIGGER usage_counts_for_keys_updated AFTER UPDATE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_recount_for_keys();
