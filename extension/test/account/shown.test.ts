/** What the status bar, the view and the receipt say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { levelOf, shareLeft, warningKey } from "../../src/account/allowance.ts";
import { bar, Format } from "../../src/account/format.ts";
import { receiptText } from "../../src/account/receipt.ts";
import { balanceRows, keyRows, planRows, requestRows, usageRows } from "../../src/account/rows.ts";
import { lookOf } from "../../src/account/statusBar.ts";
import { TokengateError } from "../../src/api/errors.ts";
import type { Receipt, Subscription } from "../../src/api/generated/index.ts";
import { balance, me, record, sum } from "./data.ts";

const format = new Format("en-US", "UTC");
const known = (changes = {}) =>
  ({ kind: "known", snapshot: { me: me(changes), spentToday: 1_234, spentHere: 34 } }) as const;
const gone = new TokengateError("The server cannot be reached.", {
  code: "network",
  status: 0,
  retryable: true,
  requestId: "req-5",
});

describe("numbers and times", () => {
  it("are written in the editor's language", () => {
    assert.equal(format.count(1234567), "1,234,567");
    assert.equal(new Format("de").count(1234567), "1.234.567");
    assert.equal(format.date("2026-12-12T00:00:00Z"), "Dec 12, 2026");
  });

  it("are English in a language that nobody knows", () => {
    assert.equal(new Format("not a language").count(1234), "1,234");
  });

  it("are never rounded up: a balance is not shown above what it is", () => {
    assert.equal(format.compact(98_799), "98.7K");
    assert.equal(format.compact(1_999_999), "1.99M");
    assert.equal(format.percent(0.999), "99%");
  });
});

describe("a bar", () => {
  it("is as long as the share of the greatest value", () => {
    assert.equal(bar(100, 100, 4), "████");
    assert.equal(bar(50, 100, 4), "██");
  });

  it("is a sliver for anything but nothing", () => {
    assert.equal(bar(1, 1_000_000, 4), "▏");
    assert.equal(bar(0, 100, 4), "");
    assert.equal(bar(0, 0, 4), "");
  });
});

describe("the allowance", () => {
  it("is enough, low or used up", () => {
    assert.equal(levelOf(me({ available: 20_001 })), "enough");
    assert.equal(levelOf(me({ available: 20_000 })), "low");
    assert.equal(levelOf(me({ available: 0 })), "none");
  });

  it("counts what running requests have reserved as left", () => {
    assert.equal(levelOf(me({ available: 0, reserved: 30_000 })), "enough");
    assert.equal(shareLeft(me({ available: 10_000, reserved: 10_000 })), 0.2);
  });

  it("is whole with more bonus tokens than were used, and without an allowance", () => {
    assert.equal(shareLeft(me({ available: 150_000 })), 1);
    assert.equal(shareLeft(me({ allocated: 0, available: 0 })), 0);
  });

  it("warns once for each server, user, period and level", () => {
    const keys = [
      warningKey("a", me(), "low"),
      warningKey("b", me(), "low"),
      warningKey("a", me(), "none"),
      warningKey("a", me({ period_start: "2026-12-12T00:00:00Z" }), "low"),
    ];
    assert.equal(new Set(keys).size, 4);
    assert.equal(warningKey("a", me({ available: 1 }), "low"), keys[0]);
  });
});

describe("the status bar", () => {
  it("offers to sign in", () => {
    const look = lookOf({ kind: "signedOut" }, format);
    assert.equal(look.label, "Sign in to Tokengate");
    assert.equal(look.command, "tokengate.signIn");
  });

  it("shows what is left, for screen readers in full", () => {
    const look = lookOf(known(), format);
    assert.equal(look.text, "$(dashboard) 98.7K");
    assert.equal(look.label, "Tokengate: 98,766 tokens left");
    assert.equal(look.color, undefined);
  });

  it("explains it: plan, date, and what was used", () => {
    const look = lookOf(known({ bonus: 500, reserved: 20 }), format);
    assert.ok(typeof look.tooltip !== "string");
    const lines = look.tooltip.value.split("\n");
    assert.ok(lines.includes("| Plan | Free |"));
    assert.ok(lines.includes("| Tokens left | 98,786 (98% of the allowance) |"));
    assert.ok(lines.includes("| Bonus tokens | 500 |"));
    assert.ok(lines.includes("| Reserved for running requests | 20 |"));
    assert.ok(lines.includes("| Used today (UTC) | 1,234 |"));
    assert.ok(lines.includes("| Used in this window today | 34 |"));
  });

  it("is coloured when little or nothing is left", () => {
    assert.equal(lookOf(known({ available: 1_000 }), format).color, "warning");
    assert.equal(lookOf(known({ available: 0 }), format).color, "error");
  });

  it("says that the server is not available, with what was known before", () => {
    const look = lookOf({ ...known(), error: gone }, format);
    assert.equal(look.text, "$(warning) 98.7K");
    assert.equal(look.label, "Tokengate is not available: The server cannot be reached.");
    const unknown = lookOf({ kind: "unknown", error: gone }, format);
    assert.equal(unknown.tooltip, "The server cannot be reached. (req-5)");
    assert.equal(unknown.command, "tokengate.refresh");
  });

  it("shows a plan's name as text, whatever it has in it", () => {
    const named = known();
    const plan = { ...named.snapshot.me.plan, title: "[x](command:evil) | $(bug)" };
    const state = { ...named, snapshot: { ...named.snapshot, me: { ...named.snapshot.me, plan } } };
    const { tooltip } = lookOf(state, format);
    assert.ok(typeof tooltip !== "string");
    assert.ok(tooltip.value.includes("\\[x\\]\\(command:evil\\) \\| \\$\\(bug\\)"));
  });
});

describe("the view", () => {
  const subscription: Subscription = {
    plan: "pro",
    title: "Pro",
    interval: "month",
    status: "active",
    current_period_start: "2026-11-12T00:00:00Z",
    current_period_end: "2026-12-12T00:00:00Z",
    cancel_at_period_end: false,
    pending_change: null,
    trial_end: null,
    grace_until: null,
  };
  const described = (changes: Partial<Subscription>): (string | undefined)[] =>
    planRows(me(), { ...subscription, ...changes }, format).map(({ description }) => description);

  it("says what becomes of the plan", () => {
    assert.equal(described({})[0], "renews on Dec 12, 2026");
    assert.equal(described({ cancel_at_period_end: true })[0], "ends on Dec 12, 2026");
    assert.equal(
      described({ status: "trialing", trial_end: "2026-12-01T00:00:00Z" })[0],
      "trial until Dec 1, 2026",
    );
    assert.equal(described({ status: "past_due" })[0], "payment due");
    const pending = { plan: "free", interval: null, at: "2026-12-12T00:00:00Z" };
    assert.ok(described({ pending_change: pending }).includes("to free on Dec 12, 2026"));
    const grace = described({ grace_until: "2026-12-05T00:00:00Z" });
    assert.ok(grace.includes("the plan is kept until Dec 5, 2026"));
  });

  it("shows every part of the balance", () => {
    const amounts = balanceRows(balance({ reserved: 66, available: 98_700 }), format).map(
      (row) => row.description,
    );
    assert.deepEqual(amounts.slice(0, 5), ["98,766", "100,000", "1,234", "0", "66"]);
  });

  it("draws the usage of models and days, the most used and the latest first", () => {
    const rows = usageRows(
      [sum("small", 100), sum("large", 900)],
      [sum("2026-11-28", 300), sum("2026-11-29", 700)],
      format,
    );
    const [models, days] = rows;
    assert.deepEqual(
      models?.children?.map(({ label, description }) => [label, description]),
      [
        ["large", "900 ██████████"],
        ["small", "100 █▏"],
      ],
    );
    assert.equal(models?.children?.[0]?.spoken, "large: 900 tokens in 2 requests");
    assert.deepEqual(
      days?.children?.map(({ label }) => label),
      ["Nov 29, 2026", "Nov 28, 2026"],
    );
  });

  it("leads from a request to its receipt", () => {
    const [row] = requestRows([record({ status: "failed" })], format);
    assert.equal(row?.description, "1,234 tokens, Nov 29, 2026, 8:30 AM");
    assert.equal(row?.icon, "error");
    assert.equal(row?.requestId, "req-1");
  });

  it("says so when there is nothing", () => {
    assert.equal(usageRows([], [], format)[0]?.label, "No requests yet");
    assert.equal(requestRows([], format)[0]?.label, "No requests yet");
    assert.equal(keyRows([], format)[0]?.label, "No API keys");
  });
});

describe("a receipt", () => {
  it("is a text with the weighted tokens, the charge and the balance", () => {
    const none = { tokens: 0, weight: "1" };
    const receipt = {
      ...record(),
      kinds: {
        prompt: { tokens: 1_000, weight: "1.0000" },
        cache_read: { tokens: 400, weight: "0.1000" },
        cache_write: none,
        completion: { tokens: 234, weight: null },
        surplus: none,
      },
      available_before: 100_000,
      available_after: 98_766,
      attempts: [{ provider: "openrouter", outcome: "ok", status: 200, ms: 880 }],
    } as unknown as Receipt;
    const lines = receiptText({ ...receipt, provider: "" }, format).split("\n");
    const value = (name: string) =>
      lines
        .find((line) => line.startsWith(name))
        ?.slice(name.length)
        .trim();
    assert.equal(value("Request"), "req-1");
    assert.equal(value("Prompt tokens"), "1,000 × 1");
    assert.equal(value("Read from the cache"), "400 × 0.1");
    assert.equal(value("Written to the cache"), "0");
    assert.equal(value("Completion tokens"), "234");
    assert.equal(value("Charged"), "1,234");
    assert.equal(value("Balance after"), "98,766");
    assert.equal(value("Provider"), undefined);
    assert.equal(value("Attempt"), "openrouter: ok, 880 ms");
  });
});
