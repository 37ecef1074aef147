import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ReportSender } from "../../src/usageReporting/sender.ts";
import { ReportStore, type StoredReport } from "../../src/usageReporting/store.ts";
import { clientOf, Ledger } from "./ledger.ts";

const day = 24 * 60 * 60_000;
const busy = { status: 503, error: { code: "unavailable", message: "Try again.", retryable: true } };
const invalid = { status: 400, error: { code: "invalid_request", message: "The model is unknown." } };

let folder: string;
let ledger: Ledger;
let refused: { id: string; reason: string; file: string }[];

function report(id: string, fields: Partial<StoredReport> = {}): StoredReport {
  const request = { model: "m", prompt_tokens: 10, completion_tokens: 5 };
  return { id, account: "user-1", request, reportedAt: Date.now(), attempts: 0, ...fields };
}

/** A window's sender: each has its own. */
function senderOf(account?: string): ReportSender {
  return new ReportSender(new ReportStore(folder), clientOf(ledger.address, account), {
    onCharged: () => undefined,
    onRefused: ({ id }, reason, file) => refused.push({ id, reason, file }),
  });
}

const send = (sender: ReportSender) => sender.send(new AbortController().signal);
const add = (...reports: StoredReport[]) =>
  Promise.all(reports.map((one) => new ReportStore(folder).add(one)));
const waiting = async () => (await new ReportStore(folder).list()).map(({ id }) => id);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "usage-reports-"));
  refused = [];
  ledger = new Ledger();
  await ledger.start();
});

afterEach(async () => {
  await ledger.stop();
  await rm(folder, { recursive: true });
});

describe("reports", () => {
  it("that an earlier session has left are charged once, and then forgotten", async () => {
    await add(report("a", { reportedAt: 1 }), report("b", { reportedAt: 2 }));
    assert.equal(await send(senderOf()), undefined);
    await send(senderOf());
    assert.deepEqual(Object.fromEntries(ledger.charges), { a: 15, b: 15 });
    assert.deepEqual(await waiting(), []);
  });

  it("are charged once when two windows send them at the same time", async () => {
    const ids = Array.from({ length: 20 }, (_, number) => `report-${number}`);
    await add(...ids.map((id) => report(id)));
    await Promise.all([send(senderOf()), send(senderOf())]);
    assert.deepEqual([...ledger.charges.keys()].toSorted(), ids.toSorted());
    assert.ok([...ledger.charges.values()].every((charged) => charged === 15));
    assert.deepEqual(await waiting(), []);
  });

  it("whose answer was lost are sent again, by the same name", async () => {
    await add(report("a"));
    ledger.behavior = (_, attempt) => (attempt === 1 ? "lost" : undefined);
    const next = await send(senderOf());
    assert.ok(next !== undefined && next > Date.now());
    assert.deepEqual(await waiting(), ["a"]);
    await new ReportStore(folder).update(report("a", { firstSentAt: Date.now(), attempts: 1 }));
    await send(senderOf());
    assert.deepEqual([...ledger.charges], [["a", 15]]);
    assert.equal(ledger.attempts.get("a"), 2);
  });

  it("that were charged more than a day ago, with a lost answer, are found by their receipt", async () => {
    await add(report("a", { firstSentAt: Date.now() - day, attempts: 1 }));
    ledger.charges.set("a", 15);
    await send(senderOf());
    assert.equal(ledger.attempts.get("a"), undefined);
    assert.deepEqual(await waiting(), []);
  });

  it("that were sent in vain for more than a day are sent again if they have no receipt", async () => {
    await add(report("a", { firstSentAt: Date.now() - day, attempts: 1 }));
    await send(senderOf());
    assert.deepEqual([...ledger.charges], [["a", 15]]);
  });

  it("wait longer after each failure, with their time kept on the disk", async () => {
    ledger.behavior = () => busy;
    let last = 0;
    for (const attempts of [0, 3, 6]) {
      await add(report(`after ${attempts}`, { attempts }));
      await send(senderOf());
      const [next = 0] = await pauses();
      assert.ok(next > last);
      last = next;
    }
    const sent = ledger.attempts.size;
    await send(senderOf());
    assert.equal(ledger.attempts.size, sent);

    async function pauses(): Promise<number[]> {
      const reports = await new ReportStore(folder).list();
      return reports.map(({ notBefore = 0 }) => notBefore - Date.now()).toSorted((one, other) => other - one);
    }
  });

  it("wait for tokens without stopping others", async () => {
    const resets = new Date(Date.now() + 60_000).toISOString();
    const refusal = { status: 402, error: { code: "insufficient_tokens", message: "", resets_at: resets } };
    ledger.behavior = (id) => (id === "large" ? refusal : undefined);
    await add(report("large", { reportedAt: 1 }), report("small", { reportedAt: 2 }));
    assert.equal(await send(senderOf()), Date.parse(resets));
    assert.deepEqual(await waiting(), ["large"]);
  });

  it("that the server will never accept are set aside with the reason, and others are sent", async () => {
    ledger.behavior = (id) => (id === "bad" ? invalid : undefined);
    await add(report("bad", { reportedAt: 1 }), report("good", { reportedAt: 2 }));
    await send(senderOf());
    assert.deepEqual([...ledger.charges.keys()], ["good"]);
    assert.deepEqual(await waiting(), []);
    assert.equal(refused[0]?.id, "bad");
    const kept = JSON.parse(await readFile(refused[0]?.file ?? "", "utf-8"));
    assert.match(kept.reason, /The model is unknown/);
    assert.equal(kept.request.prompt_tokens, 10);
    await add(report("bad"));
    assert.deepEqual(await waiting(), []);
  });

  it("of another account wait until it signs in again", async () => {
    await add(report("a"));
    await send(senderOf("user-2"));
    assert.equal(ledger.attempts.size, 0);
    await send(senderOf("user-1"));
    assert.deepEqual([...ledger.charges.keys()], ["a"]);
  });

  it("wait, all of them, when the session has ended", async () => {
    const error = { code: "token_revoked", message: "Sign in again." };
    ledger.behavior = () => ({ status: 401, error });
    await add(report("a", { reportedAt: 1 }), report("b", { reportedAt: 2 }));
    await send(senderOf());
    assert.deepEqual([...ledger.attempts.keys()], ["a"]);
    assert.deepEqual(await waiting(), ["a", "b"]);
  });

  it("are kept as they are when they are added again", async () => {
    await add(report("a", { attempts: 3 }));
    await add(report("a"));
    assert.equal((await new ReportStore(folder).list())[0]?.attempts, 3);
  });

  it("that cannot be read do not stop the others", async () => {
    await add(report("a"));
    await writeFile(join(folder, "waiting", "broken.json"), "{");
    await send(senderOf());
    assert.deepEqual([...ledger.charges.keys()], ["a"]);
  });
});
