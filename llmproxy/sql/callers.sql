-- Whatever changes what the proxy remembers of a caller (llmproxy/memory.py) is announced here, so
-- that nobody who writes these tables, by whatever way, has to think of it.
-- The news is the user's id, or nothing when it concerns everybody.

CREATE FUNCTION llmproxy_announce_caller() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
BEGIN
    PERFORM pg_notify('llmproxy_callers', COALESCE(changed ->> TG_ARGV[0], ''));
    RETURN NULL;
END $$;

CREATE TRIGGER announce_change AFTER UPDATE OF is_active ON accounts_user FOR EACH ROW
    WHEN (OLD.is_active <> NEW.is_active) EXECUTE FUNCTION llmproxy_announce_caller('id');
CREATE TRIGGER announce_end AFTER DELETE ON accounts_user FOR EACH ROW
    EXECUTE FUNCTION llmproxy_announce_caller('id');

CREATE TRIGGER announce_change AFTER UPDATE OF revoked_at ON accounts_session FOR EACH ROW
    WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at)
    EXECUTE FUNCTION llmproxy_announce_caller('user_id');
CREATE TRIGGER announce_end AFTER DELETE ON accounts_session FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION llmproxy_announce_caller('user_id');

CREATE TRIGGER announce_change AFTER UPDATE ON apikeys_apikey FOR EACH ROW
    WHEN (to_jsonb(OLD) - 'last_used_at' <> to_jsonb(NEW) - 'last_used_at')
    EXECUTE FUNCTION llmproxy_announce_caller('user_id');
CREATE TRIGGER announce_end AFTER DELETE ON apikeys_apikey FOR EACH ROW
    EXECUTE FUNCTION llmproxy_announce_caller('user_id');

CREATE TRIGGER announce_change AFTER UPDATE OF tier_id ON tokens_balance FOR EACH ROW
    WHEN (OLD.tier_id <> NEW.tier_id) EXECUTE FUNCTION llmproxy_announce_caller('user_id');
CREATE TRIGGER announce_change AFTER UPDATE ON tokens_tier FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION llmproxy_announce_caller('nobody');
