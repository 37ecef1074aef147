-- What an invoice, a change of plan and a refund do to a balance: once, by their source.

-- Begin the period that an invoice has paid, once by its source; true when it began now. One that
-- runs already, or that a later invoice has followed, is not begun again.
CREATE OR REPLACE FUNCTION tokens_renew_period(
    account bigint, new_tier text, starts timestamptz, ends timestamptz, renewer text,
    invoice text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    given bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'renewal', invoice, new_tier, '') THEN
        RETURN false;
    END IF;
    IF starts <= balance.period_start AND new_tier = balance.tier_id THEN
        UPDATE tokens_balance SET renews_by = renewer
         WHERE user_id = account AND renews_by = 'schedule';
        PERFORM tokens_set_due(account);
        RETURN false;
    END IF;
    IF starts < balance.period_start AND balance.renews_by = 'invoice' THEN
        RETURN false;
    END IF;
    PERFORM tokens_expire_bonus(account);
    given := tokens_start_period(account, new_tier, starts, ends, renewer, invoice);
    PERFORM tokens_end_adjustment('renewal', invoice, given);
    PERFORM tokens_set_due(account);
    PERFORM tokens_roll(account);
    RETURN true;
END $$;


-- Put a user on a tier, once by source; answers the tokens given, or taken if negative: the
-- difference of the allowances for the rest of the period. Only what is unspent and not held is
-- taken. The period goes on.
CREATE OR REPLACE FUNCTION tokens_change_tier(
    account bigint, new_tier text, renewer text, change_source text, reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    difference bigint;
    rest numeric;
    given bigint;
    repaid bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'tier', change_source, new_tier, reason) THEN
        RETURN (SELECT amount FROM tokens_adjustment
                 WHERE kind = 'tier' AND source = change_source);
    END IF;

    SELECT next.monthly_tokens - last.monthly_tokens INTO STRICT difference
      FROM tokens_tier next, tokens_tier last
     WHERE next.name = new_tier AND last.name = balance.tier_id;
    rest := extract(epoch FROM balance.period_end - tokens_now())
          / extract(epoch FROM balance.period_end - balance.period_start);
    given := trunc(difference * GREATEST(0, LEAST(1, rest)));
    given := GREATEST(
        given,
        - (balance.allocated - balance.used - balance.lapsing),
        - (balance.allocated + balance.bonus - balance.used - balance.reserved)
    );
    repaid := GREATEST(0, LEAST(balance.overdrawn, given));

    UPDATE tokens_balance
       SET tier_id = new_tier, renews_by = COALESCE(renewer, renews_by),
           allocated = allocated + given, used = used + repaid, overdrawn = overdrawn - repaid
     WHERE user_id = account;
    PERFORM tokens_end_adjustment('tier', change_source, given);
    PERFORM tokens_lapse(account);
    PERFORM tokens_set_due(account);
    PERFORM tokens_roll(account);
    RETURN given;
END $$;


-- Take unspent tokens for a refund, once by source: from the allowance, then from the bonus that
-- would last longest. Never what is held. Answers how many it took.
CREATE OR REPLACE FUNCTION tokens_take_back(
    account bigint, wanted bigint, taking_source text, reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    taken bigint;
    from_allowance bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'take_back', taking_source, NULL, reason) THEN
        RETURN (SELECT -amount FROM tokens_adjustment
                 WHERE kind = 'take_back' AND source = taking_source);
    END IF;

    taken := LEAST(
        wanted, balance.allocated + balance.bonus - balance.used - balance.reserved
    );
    WITH pots AS (
        SELECT kind, grant_id, remaining, sum(remaining) OVER (
                   ORDER BY kind = 'allowance' DESC, place DESC
               ) AS remaining_so_far
          FROM tokens_burn_order(balance, false) WHERE kind <> 'lapsing'
    ), parts AS (
        SELECT kind, grant_id,
               LEAST(remaining, GREATEST(0, taken - (remaining_so_far - remaining)))::bigint AS part
          FROM pots
    ), reduced AS (
        UPDATE tokens_grant g SET remaining = g.remaining - parts.part
          FROM parts WHERE g.id = parts.grant_id AND parts.part > 0
    )
    SELECT COALESCE(sum(part), 0) INTO STRICT from_allowance FROM parts WHERE kind = 'allowance';

    UPDATE tokens_balance
       SET allocated = allocated - from_allowance, bonus = bonus - (taken - from_allowance)
     WHERE user_id = account;
    PERFORM tokens_end_adjustment('take_back', taking_source, -taken);
    RETURN taken;
END $$;


-- Take unspent tokens of one bonus grant for a refund of what paid for it, once by source. Never
-- what is held. Answers how many it took.
CREATE OR REPLACE FUNCTION tokens_take_back_grant(
    account bigint, grant_source text, wanted bigint, taking_source text, reason text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    taken bigint;
BEGIN
    PERFORM tokens_roll(account);
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF NOT tokens_begin_adjustment(account, 'take_back', taking_source, NULL, reason) THEN
        RETURN (SELECT -amount FROM tokens_adjustment
                 WHERE kind = 'take_back' AND source = taking_source);
    END IF;

    SELECT LEAST(
               wanted, remaining,
               balance.allocated + balance.bonus - balance.used - balance.reserved
           )
      INTO taken FROM tokens_grant WHERE user_id = account AND source = grant_source;
    taken := COALESCE(taken, 0);
    UPDATE tokens_grant SET remaining = remaining - taken
     WHERE user_id = account AND source = grant_source;
    UPDATE tokens_balance SET bonus = bonus - taken WHERE user_id = account;
    PERFORM tokens_end_adjustment('take_back', taking_source, -taken);
    PERFORM tokens_set_due(account);
    RETURN taken;
END $$;


-- Note that something is done under this source; false when it was done before.
CREATE OR REPLACE FUNCTION tokens_begin_adjustment(
    account bigint, adjustment_kind text, adjustment_source text, to_tier text, reason text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tokens_adjustment (user_id, kind, source, tier_id, amount, note, created_at)
    VALUES (account, adjustment_kind, adjustment_source, to_tier, 0, reason, clock_timestamp())
    ON CONFLICT (kind, source) DO NOTHING;
    RETURN FOUND;
END $$;


-- Close an adjustment: say how many tokens it gave or took, and enter them into the books.
CREATE OR REPLACE FUNCTION tokens_end_adjustment(
    adjustment_kind text, adjustment_source text, given bigint
) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_adjustment SET amount = given
     WHERE kind = adjustment_kind AND source = adjustment_source AND given <> 0;
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT user_id, 'adjustment', given, kind || ':' || source, note, clock_timestamp()
      FROM tokens_adjustment
     WHERE kind = adjustment_kind AND source = adjustment_source
       AND given <> 0 AND kind <> 'renewal';
$$;
