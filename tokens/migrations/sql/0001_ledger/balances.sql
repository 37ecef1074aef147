-- What goes into a balance and out of it. A balance has an allowance, which is its period's, and
-- bonuses (tokens_grant), some of which end at a time of their own.

-- Give tokens once per (kind, source). True when given now, false when it was given before.
CREATE OR REPLACE FUNCTION tokens_grant(
    account bigint, entry_kind text, grant_amount bigint, entry_source text,
    entry_note text, grant_expires_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    repaid bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT LEAST(overdrawn, grant_amount) INTO STRICT repaid
      FROM tokens_balance WHERE user_id = account FOR UPDATE;

    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    VALUES (account, entry_kind, grant_amount, entry_source, entry_note, now())
    ON CONFLICT (kind, source) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    IF entry_kind = 'bonus' THEN
        INSERT INTO tokens_grant (user_id, amount, remaining, source, expires_at, created_at)
        VALUES (
            account, grant_amount, grant_amount - repaid, entry_source, grant_expires_at, now()
        );
        UPDATE tokens_balance
           SET bonus = bonus + grant_amount - repaid, overdrawn = overdrawn - repaid,
               due_at = LEAST(due_at, grant_expires_at)
         WHERE user_id = account;
    ELSE
        UPDATE tokens_balance
           SET allocated = allocated + grant_amount, used = used + repaid,
               overdrawn = overdrawn - repaid
         WHERE user_id = account;
    END IF;
    PERFORM tokens_lapse(account);
    RETURN true;
END $$;


-- Take tokens from where they expire soonest: what lapses, bonus that ends within the period, the
-- allowance, then the other bonus. What is not covered, or is held for others, is written as
-- overdrawn. The caller has locked the balance, brought it up to date, and freed the
-- request's own hold.
CREATE OR REPLACE FUNCTION tokens_burn(account bigint, amount bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    pot record;
    covered bigint;
    rest bigint;
    part bigint;
    from_bonus bigint := 0;
    from_lapsing bigint;
    from_allowance bigint := 0;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    covered := LEAST(
        amount, balance.allocated + balance.bonus - balance.used - balance.reserved
    );
    from_lapsing := LEAST(covered, balance.lapsing);
    rest := covered - from_lapsing;

    IF balance.bonus > 0 THEN
        FOR pot IN
            SELECT id, remaining,
                   COALESCE(expires_at > balance.period_end, true) AS outlives_period
              FROM tokens_grant
             WHERE user_id = account AND remaining > 0
             ORDER BY expires_at NULLS LAST, id
        LOOP
            IF pot.outlives_period AND from_allowance = 0 THEN
                from_allowance := LEAST(
                    rest, balance.allocated - balance.used - balance.lapsing
                );
                rest := rest - from_allowance;
            END IF;
            EXIT WHEN rest = 0;
            part := LEAST(rest, pot.remaining);
            UPDATE tokens_grant SET remaining = remaining - part WHERE id = pot.id;
            from_bonus := from_bonus + part;
            rest := rest - part;
        END LOOP;
    END IF;

    UPDATE tokens_balance
       SET used = used + from_lapsing + from_allowance + rest,
           lapsing = lapsing - from_lapsing,
           bonus = bonus - from_bonus,
           overdrawn = overdrawn + amount - covered
     WHERE user_id = account;
END $$;


-- Give tokens back to where they burned, as well as that can be told: the reverse of tokens_burn.
-- First what was not covered; then, while the allowance is not used up, the allowance, which is
-- what burns now; bonus that outlives the period; the allowance; bonus that ends within the
-- period. What fits nowhere (the period is another by now) becomes a bonus until the period's end.
-- The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_refund(account bigint, amount bigint, cause text)
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
