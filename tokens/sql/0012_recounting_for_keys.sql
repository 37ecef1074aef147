-- A receipt that changes is counted for its key only where its charge does. So what merely notes
-- that a provider was asked touches no counter, which only the owner of the balance's lock may.
CREATE FUNCTION tokens_recount_for_keys() RETURNS trigger LANGUAGE plpgsql AS $$
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

DROP TRIGGER usage_counts_for_keys_updated ON tokens_usagerecord;
CREATE TRIGGER usage_counts_for_keys_updated AFTER UPDATE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_recount_for_keys();
