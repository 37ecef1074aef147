-- Changes of receipts for the analytical database (tokens/analytics): triggers write them into an
-- outbox, in the transaction of the change. They are disabled until a feed begins, so who has none
-- pays nothing. Whoever creates one of the tables anew enables them where they were.

CREATE OR REPLACE FUNCTION tokens_note_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tokens_receiptchange (receipt) SELECT id FROM come;
    RETURN NULL;
END $$;


-- The copy keeps final receipts that retention deletes here. A provisional one is deleted when its
-- request settles after all; mostly another with its id is written, which is noted, too.
CREATE OR REPLACE FUNCTION tokens_note_deleted_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tokens_receiptchange (receipt, user_id, since)
    SELECT id, user_id, created_at FROM gone WHERE NOT final;
    RETURN NULL;
END $$;


-- A user's plan on a day is the one at its end, so a change is one of all receipts of the day.
CREATE OR REPLACE FUNCTION tokens_note_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tokens_receiptchange (user_id, since)
    VALUES (NEW.user_id, date_trunc('day', NEW.created_at, 'UTC'));
    RETURN NULL;
END $$;


DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'receipts_noted_inserted') THEN
        RETURN;
    END IF;
    CREATE TRIGGER receipts_noted_inserted AFTER INSERT ON tokens_usagerecord
        REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION tokens_note_receipts();
    CREATE TRIGGER receipts_noted_updated AFTER UPDATE ON tokens_usagerecord
        REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION tokens_note_receipts();
    CREATE TRIGGER receipts_noted_deleted AFTER DELETE ON tokens_usagerecord
        REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION tokens_note_deleted_receipts();
    CREATE TRIGGER plans_noted AFTER INSERT ON tokens_adjustment
        FOR EACH ROW WHEN (NEW.kind IN ('tier', 'renewal')) EXECUTE FUNCTION tokens_note_plan();
    ALTER TABLE ONLY tokens_usagerecord DISABLE TRIGGER receipts_noted_inserted;
    ALTER TABLE ONLY tokens_usagerecord DISABLE TRIGGER receipts_noted_updated;
    ALTER TABLE ONLY tokens_usagerecord DISABLE TRIGGER receipts_noted_deleted;
    ALTER TABLE tokens_adjustment DISABLE TRIGGER plans_noted;
END $$;
