-- The books are append-only, whoever asks.

CREATE OR REPLACE FUNCTION tokens_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON tokens_entry
FOR EACH ROW EXECUTE FUNCTION tokens_refuse_change();
