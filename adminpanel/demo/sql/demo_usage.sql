-- Usage of the demo's people: what they asked of which model on which day, and the books of it.
-- Chance is a hash of what it is drawn for, so that it falls the same at every run. The table
-- `demo_period` says whose months these are.

CREATE FUNCTION pg_temp.chance(what text, which integer) RETURNS double precision
LANGUAGE sql IMMUTABLE RETURN (hashtextextended(what, which) & 16777215) / 16777216.0;

-- Since when there is a model, as a share of the time; how much it is liked; USD per token; its pace.
CREATE TEMP TABLE demo_model ON COMMIT DROP AS
SELECT * FROM (VALUES
    ('openai/gpt-5-mini',           0.0,  34, 0.00000025, 0.000002,  0.8),
    ('anthropic/claude-sonnet-4.5', 0.0,  26, 0.000003,   0.000015,  1.3),
    ('google/gemini-2.5-flash',     0.0,  18, 0.0000003,  0.0000025, 0.6),
    ('deepseek/deepseek-chat-v3.1', 0.25, 12, 0.0000002,  0.0000008, 1.7),
    ('qwen/qwen3-coder',            0.55, 22, 0.00000022, 0.00000095, 1.1)
) AS listed (model, since, liked, price_prompt, price_completion, pace);

-- Work has its week, its hours and its holidays.
CREATE TEMP TABLE demo_call ON COMMIT DROP AS
SELECT p.*, format('%%s %%s %%s', p.number, day::date, n) AS seed,
       day + make_interval(secs => 86400 * (7 + 13 * (
           pg_temp.chance(format('%%s %%s %%s', p.number, day::date, n), 1)
           + pg_temp.chance(format('%%s %%s %%s', p.number, day::date, n), 2)
       ) / 2) / 24) AS at
  FROM demo_period p
 CROSS JOIN LATERAL generate_series(
           date_trunc('day', p.starts, 'UTC'), LEAST(p.ends, %(now)s), interval '1 day') AS day
 CROSS JOIN LATERAL generate_series(1, floor(
           p.daily * 1.8 * pg_temp.chance(format('%%s %%s', p.number, day::date), 3)
           * (ARRAY[0.2, 1, 1.1, 1.15, 1.05, 0.8, 0.15])[1 + extract(dow FROM day)::integer]
           * CASE WHEN to_char(day, 'MMDD') BETWEEN '1223' AND '1231' THEN 0.3 ELSE 1 END
       )::integer) AS n
 WHERE p.tier <> 'free' OR pg_temp.chance(format('%%s %%s', p.number, day::date), 4) < 0.45;

DELETE FROM demo_call WHERE at < starts OR at >= LEAST(ends, %(now)s);

CREATE TEMP TABLE demo_asked ON COMMIT DROP AS
SELECT c.*, m.model, m.price_prompt, m.price_completion, m.pace, v.provider,
       floor(400 + 5200 * pg_temp.chance(seed, 5) ^ 2)::bigint AS prompt,
       floor(40 + 1300 * pg_temp.chance(seed, 6) ^ 2)::bigint AS completion,
       CASE WHEN pg_temp.chance(seed, 7) < v.failing THEN 'failed'
            WHEN pg_temp.chance(seed, 7) < v.failing + 0.02 THEN 'cancelled'
            ELSE 'ok' END AS status
  FROM demo_call c
 CROSS JOIN LATERAL (
        SELECT * FROM demo_model
         WHERE %(first)s::timestamptz + since * (%(now)s - %(first)s::timestamptz) <= c.at
         ORDER BY ln(greatest(pg_temp.chance(c.seed || model, 8), 1e-9)) / liked DESC
         LIMIT 1
       ) AS m
 CROSS JOIN LATERAL (
        SELECT name AS provider,
               CASE WHEN name = 'glama' AND c.at::date - %(outage)s::date IN (0, 1) THEN 0.4
                    ELSE fails END AS failing
          FROM (VALUES ('openrouter', 6, 0.012), ('glama', 3, 0.02), ('requesty', 2, 0.016))
            AS known (name, liked, fails)
         ORDER BY ln(greatest(pg_temp.chance(c.seed || name, 9), 1e-9)) / liked DESC
         LIMIT 1
       ) AS v;

-- Nobody spends more than their month's allowance: the rest was refused, and left no record.
INSERT INTO tokens_usagerecord (
    id, user_id, request_id, api_key, endpoint, streamed, model, provider, upstream_id, status,
    source, final, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, charged,
    price_prompt, price_completion, weight_prompt, weight_completion, cost, upstream_cost,
    attempts, available_before, available_after, first_byte_ms, duration_ms, created_at
)
SELECT md5('demo ' || seed)::uuid, user_id, md5('request ' || seed),
       CASE WHEN pg_temp.chance(seed, 10) < 0.8 THEN api_key END, 'chat/completions', true, model,
       provider, CASE WHEN charged > 0 THEN 'gen-' || md5(seed) ELSE '' END, status,
       CASE WHEN charged > 0 THEN 'reported' ELSE 'none' END, true,
       prompt, completion, cached, 0, charged, price_prompt, price_completion, 1, 1,
       price, CASE WHEN charged > 0 AND provider <> 'glama' THEN price END,
       jsonb_build_array(jsonb_build_object(
           'provider', provider, 'outcome', CASE status WHEN 'failed' THEN 'status' ELSE 'ok' END,
           'status', CASE status WHEN 'failed' THEN 502 ELSE 200 END, 'ms', first_ms)),
       allowance - spent + charged, allowance - spent,
       CASE WHEN status <> 'failed' THEN first_ms END, first_ms + writing_ms, at
  FROM (
    SELECT priced.*, sum(charged) OVER (PARTITION BY user_id, starts ORDER BY at, seed) AS spent
      FROM (
        SELECT a.*, used.*, used.prompt + used.completion AS charged,
               used.prompt * price_prompt + used.completion * price_completion AS price,
               floor(180 * pace * exp(1.1 * (pg_temp.chance(seed, 11) + pg_temp.chance(seed, 12)
                     + pg_temp.chance(seed, 13) - 1.5) * 1.4))::integer AS first_ms,
               floor(used.completion * pace * (5 + 6 * pg_temp.chance(seed, 14)))::integer
                     AS writing_ms
          FROM (SELECT seed, number, user_id, api_key, starts, allowance, at, model, provider,
                       price_prompt, price_completion, pace, status,
                       prompt AS asked, completion AS answered FROM demo_asked) a
         CROSS JOIN LATERAL (
                SELECT CASE status WHEN 'failed' THEN 0 ELSE asked END AS prompt,
                       CASE status WHEN 'failed' THEN 0 WHEN 'cancelled' THEN answered / 3
                                   ELSE answered END AS completion,
                       CASE status WHEN 'failed' THEN 0 ELSE asked / 5 END AS cached
               ) AS used
      ) AS priced
  ) AS counted
 WHERE spent <= allowance
 ORDER BY at, seed;

CREATE TEMP TABLE demo_spent ON COMMIT DROP AS
SELECT p.user_id, p.starts, COALESCE(sum(u.charged), 0)::bigint AS spent
  FROM demo_period p
  LEFT JOIN tokens_usagerecord u ON u.user_id = p.user_id
                                AND u.created_at >= p.starts AND u.created_at < p.ends
 GROUP BY 1, 2;

-- The books: what each month gave, what each request took, and what each month's end let lapse.
INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)
SELECT user_id, 'allowance', allowance, source, '', starts FROM demo_period WHERE allowance > 0
UNION ALL
SELECT u.user_id, 'usage', -u.charged, u.id::text, '', u.created_at
  FROM tokens_usagerecord u
 WHERE u.charged > 0 AND u.user_id IN (SELECT user_id FROM demo_period)
UNION ALL
SELECT p.user_id, 'expiry', spent - allowance,
       'period-ended:' || md5(format('demo %%s %%s', p.number, p.starts))::uuid, '', p.ends
  FROM demo_period p JOIN demo_spent s ON s.user_id = p.user_id AND s.starts = p.starts
 WHERE p.ends <= %(now)s AND spent < allowance
 ORDER BY 6;

INSERT INTO tokens_adjustment (user_id, kind, source, tier_id, amount, note, created_at)
SELECT user_id, 'renewal', source, tier, allowance, '', starts FROM demo_period WHERE by_invoice;

INSERT INTO tokens_balance (
    user_id, tier_id, allocated, used, bonus, reserved, overdrawn, lapsing, period_start,
    period_end, renews_by, anchor, due_at, notified
)
SELECT p.user_id, p.tier, p.allowance, s.spent, 0, 0, 0, 0, p.starts, p.ends, p.renews_by, p.starts,
       CASE p.renews_by WHEN 'schedule' THEN p.ends END, 100
  FROM demo_period p JOIN demo_spent s ON s.user_id = p.user_id AND s.starts = p.starts
 WHERE p.ends > %(now)s;
