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


-- What burns first: all that a user can spend from, in the order in which it ends. What lapses has
-- ended already, the allowance ends with the period, a bonus at a time of its own or never; of two
-- that end together the bonus comes first. No other place knows this order.
-- `remaining` is what can be taken from a pot, `spent` what can be put back. What is empty is left
-- out, unless it is asked for, as `with_spent` does.
CREATE OR REPLACE FUNCTION tokens_burn_order(balance tokens_balance, with_spent boolean)
RETURNS TABLE (place bigint, kind text, grant_id bigint, remaining bigint, spent bigint)
LANGUAGE sql STABLE AS $$
    SELECT row_number() OVER (ORDER BY ends, id), pots.kind, id, pots.remaining, pots.spent
      FROM (
        SELECT 'lapsing' AS kind, NULL::bigint AS id, balance.lapsing AS remaining,
               0::bigint AS spent, '-infinity'::timestamptz AS ends
        UNION ALL
        SELECT 'allowance', NULL, balance.allocated - balance.used - balance.lapsing,
               balance.used, balance.period_end
        UNION ALL
        SELECT 'bonus', g.id, g.remaining, g.amount - g.remaining,
               COALESCE(g.expires_at, 'infinity')
          FROM tokens_grant g
         WHERE g.user_id = balance.user_id AND (with_spent OR balance.bonus > 0)
           AND (g.remaining > 0
                OR with_spent AND (g.expires_at IS NULL OR g.expires_at > tokens_now()))
      ) AS pots
     WHERE with_spent OR pots.remaining > 0
$$;


-- Free what users held, take what they pay from where it burns, and note what they owe. One item a
-- user; `payments` are covered. The caller has locked the balances and brought them up to date.
CREATE OR REPLACE FUNCTION tokens_pay(
    accounts bigint[], holds bigint[], payments bigint[], debts bigint[]
) RETURNS void LANGUAGE sql AS $$
    WITH parts AS (
        SELECT asked.account, pots.kind, pots.grant_id,
               LEAST(pots.remaining, GREATEST(0, asked.payment - (
                   sum(pots.remaining) OVER (PARTITION BY asked.account ORDER BY pots.place)
                   - pots.remaining
               )))::bigint AS part
          FROM unnest(accounts, payments) AS asked(account, payment)
          JOIN tokens_balance b ON b.user_id = asked.account
         CROSS JOIN LATERAL tokens_burn_order(b, false) AS pots
         WHERE asked.payment > 0 AND (b.bonus > 0 OR b.lapsing > 0) -- Else there is one pot.
    ), burnt AS (
        UPDATE tokens_grant g SET remaining = g.remaining - parts.part
          FROM parts WHERE g.id = parts.grant_id AND parts.part > 0
    ), sums AS (
        SELECT account, sum(part) FILTER (WHERE kind = 'lapsing') AS lapsing,
               sum(part) FILTER (WHERE kind = 'bonus') AS bonus
          FROM parts GROUP BY account
    )
    UPDATE tokens_balance b
       SET reserved = b.reserved - asked.held,
           lapsing = b.lapsing - COALESCE(sums.lapsing, 0),
           bonus = b.bonus - COALESCE(sums.bonus, 0),
           used = b.used + asked.payment - COALESCE(sums.bonus, 0),
           overdrawn = b.overdrawn + asked.debt
      FROM unnest(accounts, holds, payments, debts) AS asked(account, held, payment, debt)
      LEFT JOIN sums ON sums.account = asked.account
     WHERE b.user_id = asked.account;
$$;


-- Charge one user. What is not covered, or is held for others, is written as overdrawn. The caller
-- has locked the balance, brought it up to date, and freed the request's own hold.
CREATE OR REPLACE FUNCTION tokens_burn(account bigint, amount bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    covered bigint;
BEGIN
    SELECT LEAST(amount, allocated + bonus - used - reserved) INTO STRICT covered
      FROM tokens_balance WHERE user_id = account;
    PERFORM tokens_pay(ARRAY[account], ARRAY[0], ARRAY[covered], ARRAY[amount - covered]);
END $$;


-- Give tokens back to where they burned, as well as that can be told: debts first, then the
-- allowance if it is not used up, since that is what burns now, then the rest in the reverse of the
-- order in which it burns. What fits nowhere (the period is another by now) becomes a bonus until
-- the period's end. The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_refund(account bigint, amount bigint, cause text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    repaid bigint;
    rest bigint;
    to_allowance bigint;
    to_bonus bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    repaid := LEAST(amount, balance.overdrawn);
    rest := amount - repaid;
    WITH pots AS (
        SELECT kind, grant_id, spent, sum(spent) OVER (
                   ORDER BY kind = 'allowance' AND balance.used < balance.allocated DESC, place DESC
               ) AS spent_so_far
          FROM tokens_burn_order(balance, true)
    ), parts AS (
        SELECT kind, grant_id,
               LEAST(spent, GREATEST(0, rest - (spent_so_far - spent)))::bigint AS part
          FROM pots
    ), given AS (
        UPDATE tokens_grant g SET remaining = g.remaining + parts.part
          FROM parts WHERE g.id = parts.grant_id AND parts.part > 0
    )
    SELECT COALESCE(sum(part) FILTER (WHERE kind = 'allowance'), 0),
           COALESCE(sum(part) FILTER (WHERE kind = 'bonus'), 0)
      INTO STRICT to_allowance, to_bonus FROM parts;

    rest := rest - to_allowance - to_bonus;
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
