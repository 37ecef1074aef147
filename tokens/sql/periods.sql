-- Periods that begin anew, and bonuses that end.
--
-- A balance says itself when it falls due (due_at): at the end of a period that the schedule
-- renews, or when a bonus expires. Whoever locks a due balance brings it up to date first
-- (tokens_roll), so nobody spends what is past, and whether the sweep is late makes no difference.
--
-- What is over but held by running requests stays until they are done, as `lapsing`, a part of
-- `allocated`: they can be charged to it, and it is free to nobody. As long as there is any of it
-- nothing is available; what gives tokens or frees holds ends with tokens_lapse, which sees to it.

-- The clock of periods and bonuses.
CREATE OR REPLACE FUNCTION tokens_now()
RETURNS timestamptz LANGUAGE sql AS $$ SELECT clock_timestamp() $$;


-- The month that holds a moment, counted from an anchor in UTC: tokens/periods.py in SQL.
CREATE OR REPLACE FUNCTION tokens_period(
    anchor timestamptz, moment timestamptz, OUT starts timestamptz, OUT ends timestamptz
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    first timestamp := anchor AT TIME ZONE 'UTC';
    today timestamp := moment AT TIME ZONE 'UTC';
    months integer := (extract(year FROM today) - extract(year FROM first)) * 12
                    + extract(month FROM today) - extract(month FROM first);
BEGIN
    IF first + make_interval(months => months) > today THEN
        months := months - 1;
    END IF;
    starts := (first + make_interval(months => months)) AT TIME ZONE 'UTC';
    ends := (first + make_interval(months => months + 1)) AT TIME ZONE 'UTC';
END $$;


-- Bring one balance up to date if it is due; true when it was.
CREATE OR REPLACE FUNCTION tokens_roll(account bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    IF balance.due_at IS NULL OR balance.due_at > tokens_now() THEN
        RETURN false;
    END IF;
    PERFORM tokens_expire_bonus(account);
    IF balance.renews_by = 'schedule' AND balance.period_end <= tokens_now() THEN
        PERFORM tokens_renew_by_schedule(account);
    END IF;
    PERFORM tokens_set_due(account);
    RETURN true;
END $$;


-- Bring up to `at_most` due balances up to date; answers how many. One that somebody else has
-- locked is left to them, that of a suspended or deleted user until they are back.
CREATE OR REPLACE FUNCTION tokens_roll_due(at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    account bigint;
    rolled integer := 0;
BEGIN
    FOR account IN
        SELECT b.user_id FROM tokens_balance b JOIN accounts_user u ON u.id = b.user_id
         WHERE b.due_at <= moment AND u.is_active
         ORDER BY b.due_at LIMIT at_most FOR UPDATE OF b SKIP LOCKED
    LOOP
        rolled := rolled + tokens_roll(account)::integer;
    END LOOP;
    RETURN rolled;
END $$;


-- End every bonus whose time is over. The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_expire_bonus(account bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    pot record;
    balance tokens_balance;
    room bigint;
    paid bigint;
    gone bigint;
BEGIN
    FOR pot IN
        SELECT id, remaining FROM tokens_grant
         WHERE user_id = account AND remaining > 0 AND expires_at <= moment
         ORDER BY expires_at, id
    LOOP
        SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
        room := balance.allocated + balance.bonus - balance.used - balance.reserved;
        paid := LEAST(balance.overdrawn, pot.remaining, room);
        gone := LEAST(pot.remaining, room) - paid;
        UPDATE tokens_grant SET remaining = 0 WHERE id = pot.id;
        UPDATE tokens_balance
           SET bonus = bonus - pot.remaining, overdrawn = overdrawn - paid,
               allocated = allocated + pot.remaining - paid - gone,
               lapsing = lapsing + pot.remaining - paid - gone
         WHERE user_id = account;
        PERFORM tokens_enter_expiry(account, gone, 'bonus:' || pot.id);
    END LOOP;
END $$;


-- Begin the period that runs now, on the user's own anniversary: one allowance, however many
-- months were missed. Where unspent tokens carry over, the month before is begun first, since its
-- allowance would have carried into this one; older ones would not, for no more than one does.
CREATE OR REPLACE FUNCTION tokens_renew_by_schedule(account bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := tokens_now();
    balance tokens_balance;
    root timestamptz;
    carries boolean;
    period record;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    SELECT carries_over INTO STRICT carries FROM tokens_tier WHERE name = balance.tier_id;
    root := balance.anchor;
    IF (tokens_period(root, balance.period_end)).starts <> balance.period_end THEN
        root := balance.period_end; -- A trial or an invoice ended on another day.
    END IF;
    FOR period IN
        SELECT before.* FROM tokens_period(root, moment) AS running,
               tokens_period(root, running.starts - interval '1 microsecond') AS before
         WHERE carries AND before.starts >= balance.period_end
        UNION ALL
        SELECT * FROM tokens_period(root, moment)
         ORDER BY starts
    LOOP
        PERFORM tokens_start_period(
            account, balance.tier_id, period.starts, period.ends, 'schedule',
            format('period:%s:%s', account,
                   to_char(period.starts AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
        );
    END LOOP;
    UPDATE tokens_balance SET anchor = root WHERE user_id = account;
END $$;


-- End the running period and begin another with the allowance of a tier; answers that allowance,
-- 0 when the source has given it before. What the old period leaves unspent pays debts, carries
-- over as far as its tier lets it (one allowance at most), stays for holds that the new period
-- cannot cover, and otherwise expires. The caller has locked the balance.
CREATE OR REPLACE FUNCTION tokens_start_period(
    account bigint, new_tier text, starts timestamptz, ends timestamptz, renewer text,
    period_source text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    leaving tokens_tier;
    fresh bigint;
    over bigint;
    kept bigint := 0;
    room bigint;
    paid bigint;
    paid_by_old bigint;
    gone bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account;
    SELECT * INTO STRICT leaving FROM tokens_tier WHERE name = balance.tier_id;
    SELECT monthly_tokens INTO STRICT fresh FROM tokens_tier WHERE name = new_tier;
    fresh := tokens_free_allowance(account, new_tier, starts, ends, period_source, fresh);
    IF fresh > 0 THEN
        INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
        VALUES (account, 'allowance', fresh, period_source, '', clock_timestamp())
        ON CONFLICT (kind, source) DO NOTHING;
        IF NOT FOUND THEN
            fresh := 0;
        END IF;
    END IF;

    over := balance.allocated - balance.used;
    IF leaving.carries_over THEN
        kept := LEAST(over - balance.lapsing, leaving.monthly_tokens);
    END IF;
    over := over - kept;
    room := fresh + kept + over + balance.bonus - balance.reserved;
    paid := LEAST(balance.overdrawn, fresh + kept + over, room);
    paid_by_old := LEAST(paid, over);
    gone := LEAST(over - paid_by_old, room - paid);

    UPDATE tokens_balance
       SET tier_id = new_tier, period_start = starts, period_end = ends, renews_by = renewer,
           anchor = CASE WHEN (tokens_period(anchor, starts)).starts = starts
                         THEN anchor ELSE starts END,
           allocated = fresh + kept + over - paid_by_old - gone, used = paid - paid_by_old,
           overdrawn = overdrawn - paid, lapsing = over - paid_by_old - gone, notified = 0
     WHERE user_id = account;
    PERFORM tokens_enter_expiry(account, gone, 'period-ended');
    RETURN fresh;
END $$;


-- Let go of what is over and not held any more; answers what is available then. Debts are paid
-- from it first.
CREATE OR REPLACE FUNCTION tokens_lapse(account bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    balance tokens_balance;
    room bigint;
    paid bigint;
    gone bigint;
BEGIN
    SELECT * INTO STRICT balance FROM tokens_balance WHERE user_id = account FOR UPDATE;
    room := balance.allocated + balance.bonus - balance.used - balance.reserved;
    IF balance.lapsing = 0 OR room = 0 THEN
        RETURN room;
    END IF;
    paid := LEAST(balance.overdrawn, balance.lapsing, room);
    gone := LEAST(balance.lapsing, room) - paid;
    UPDATE tokens_balance
       SET allocated = allocated - gone, used = used + paid, overdrawn = overdrawn - paid,
           lapsing = lapsing - paid - gone
     WHERE user_id = account;
    PERFORM tokens_enter_expiry(account, gone, 'hold-ended');
    RETURN room - paid - gone;
END $$;


-- Say when this balance falls due next: never later than anything in it does.
CREATE OR REPLACE FUNCTION tokens_set_due(account bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE tokens_balance
       SET due_at = LEAST(
               CASE WHEN renews_by = 'schedule' THEN period_end END,
               (SELECT min(expires_at) FROM tokens_grant
                 WHERE user_id = account AND remaining > 0)
           )
     WHERE user_id = account;
$$;


-- Write what is over into the books; nothing for nothing. The reason and the balance's lock make it
-- happen once, so its source need only be unique.
CREATE OR REPLACE FUNCTION tokens_enter_expiry(account bigint, over bigint, reason text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
    SELECT account, 'expiry', -over, reason || ':' || gen_random_uuid(), '', clock_timestamp()
     WHERE over > 0;
$$;
