-- Budgets of sessions and tasks: so many tokens for all requests of a user that name the same one,
-- exact however many race.
--
-- As with the budgets of keys: what a session has spent is kept for those that have a budget. The
-- first request under one counts the session's receipts, and every receipt that is written or
-- corrected later keeps it right, under the lock of the user's balance.

-- What a budget leaves a session or a task (`which`), with what it holds now; null without a budget
-- or a name. The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_session_left(
    account_id bigint, which text, called text, budget bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    spent bigint;
    held bigint;
BEGIN
    IF budget IS NULL OR COALESCE(called, '') = '' THEN
        RETURN NULL;
    END IF;
    SELECT charged INTO spent FROM tokens_sessionspending
     WHERE account = account_id AND kind = which AND name = called;
    IF NOT FOUND THEN
        spent := tokens_session_counted(account_id, which, called);
        INSERT INTO tokens_sessionspending (account, kind, name, charged)
        VALUES (account_id, which, called, spent);
    END IF;
    SELECT COALESCE(SUM(amount), 0) INTO held FROM tokens_reservation
     WHERE user_id = account_id AND state = 'held'
       AND called = CASE which WHEN 'session' THEN session ELSE task END;
    RETURN budget - spent - held;
END $$;


-- What the receipts of a session or a task charge.
CREATE OR REPLACE FUNCTION tokens_session_counted(account_id bigint, which text, called text)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF which = 'session' THEN
        RETURN (SELECT COALESCE(SUM(charged), 0) FROM tokens_usagerecord
                 WHERE user_id = account_id AND session = called AND session <> '');
    END IF;
    RETURN (SELECT COALESCE(SUM(charged), 0) FROM tokens_usagerecord
             WHERE user_id = account_id AND task = called AND task <> '');
END $$;


-- Count what receipts charge: once for each statement that writes some.
CREATE OR REPLACE FUNCTION tokens_count_for_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM tokens_add_to_sessions(user_id, session, task, charged)
           FROM come WHERE session <> '' OR task <> '';
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM tokens_add_to_sessions(user_id, session, task, -charged)
           FROM gone WHERE session <> '' OR task <> '';
    ELSE
        PERFORM tokens_add_to_sessions(come.user_id, come.session, come.task,
                                       come.charged - gone.charged)
           FROM come JOIN gone ON gone.id = come.id
          WHERE come.charged <> gone.charged AND (come.session <> '' OR come.task <> '');
    END IF;
    RETURN NULL;
END $$;


CREATE OR REPLACE FUNCTION tokens_add_to_sessions(
    account_id bigint, session text, task text, more bigint
) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_sessionspending SET charged = charged + more
     WHERE account = account_id
       AND (kind = 'session' AND name = session OR kind = 'task' AND name = task);
$$;


CREATE OR REPLACE TRIGGER usage_counts_for_sessions_inserted AFTER INSERT ON tokens_usagerecord
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_sessions();
CREATE OR REPLACE TRIGGER usage_counts_for_sessions_deleted AFTER DELETE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_sessions();
CREATE OR REPLACE TRIGGER usage_counts_for_sessions_updated AFTER UPDATE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_sessions();
