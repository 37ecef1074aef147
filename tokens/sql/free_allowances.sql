-- One free allowance for each mailbox and period, whatever accounts it has or had.

-- How much of the allowance of a period an account gets; the rest was given to the same mailbox
-- within its period before. All of it on a tier that is paid for, for an account whose mailbox is
-- not known, and for a source that was here before: that one gives nothing a second time. The account
-- that began the mailbox's period may begin another one: when, its balance knows.
--
-- The caller has locked the balance, or made it in this transaction. The mailbox's row is locked
-- until the transaction ends: of several accounts at once, one is given what there is.
CREATE OR REPLACE FUNCTION tokens_free_allowance(
    account bigint, new_tier text, starts timestamptz, ends timestamptz, period_source text,
    wanted bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    box text;
    last tokens_freeallowance;
    given bigint;
BEGIN
    IF new_tier <> 'free' OR wanted <= 0 THEN
        RETURN wanted;
    END IF;
    SELECT digest INTO box FROM tokens_mailbox WHERE user_id = account;
    IF box IS NULL OR EXISTS (
        SELECT FROM tokens_entry WHERE kind = 'allowance' AND source = period_source
    ) THEN
        RETURN wanted;
    END IF;

    INSERT INTO tokens_freeallowance (digest, period_start, period_end, granted, holder_id)
    VALUES (box, starts, ends, 0, account) ON CONFLICT (digest) DO NOTHING;
    SELECT * INTO STRICT last FROM tokens_freeallowance WHERE digest = box FOR UPDATE;
    IF starts >= last.period_end OR last.holder_id = account THEN
        UPDATE tokens_freeallowance
           SET period_start = starts, period_end = ends, granted = wanted, holder_id = account
         WHERE digest = box;
        RETURN wanted;
    END IF;
    given := GREATEST(0, LEAST(wanted, wanted - last.granted));
    UPDATE tokens_freeallowance SET granted = granted + given WHERE digest = box;
    RETURN given;
END $$;


-- Note the mailbox of an account that has had its allowance already, with what it was given.
CREATE OR REPLACE FUNCTION tokens_note_mailbox(account bigint, box text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
BEGIN
    SELECT * INTO balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    INSERT INTO tokens_mailbox (user_id, digest) VALUES (account, box)
    ON CONFLICT (user_id) DO UPDATE SET digest = EXCLUDED.digest;
    IF balance.tier_id = 'free' AND balance.period_end > tokens_now() THEN
        INSERT INTO tokens_freeallowance (digest, period_start, period_end, granted, holder_id)
        SELECT box, balance.period_start, balance.period_end, monthly_tokens, account
          FROM tokens_tier WHERE name = 'free'
        ON CONFLICT (digest) DO NOTHING;
    END IF;
END $$;
