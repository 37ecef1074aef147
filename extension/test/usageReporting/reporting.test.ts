import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { UsageReport } from "../../src/usageReporting/api.ts";
import { UsageReporting } from "../../src/usageReporting/reporting.ts";
import { ReportStore } from "../../src/usageReporting/store.ts";
import { clientOf, Ledger } from "./ledger.ts";

const usage = { model: "m", promptTokens: 10, completionTokens: 5 };

let folder: string;
let ledger: Ledger;
let failures: unknown[];
const windows: UsageReporting[] = [];

function open({ isOn = true, signedIn = true } = {}): UsageReporting {
  const client = clientOf(ledger.address);
  const reporting = new UsageReporting({
    folder,
    client: signedIn ? client : { ...client, getSession: async () => undefined },
    isOn: () => isOn,
    events: {
      onCharged: () => undefined,
      onRefused: () => undefined,
      onFailure: (error) => failures.push(error),
    },
  });
  windows.push(reporting);
  return reporting;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "usage-reports-"));
  failures = [];
  ledger = new Ledger();
  await ledger.start();
});

afterEach(async () => {
  for (const window of windows.splice(0)) {
    window.dispose();
  }
  await ledger.stop();
  await rm(folder, { recursive: true });
  assert.deepEqual(failures, []);
});

describe("a report of usage", () => {
  it("is charged by its own name, which it has from the caller or is given", async () => {
    const reporting = open();
    const named = await reporting.reportUsage({ ...usage, id: "turn-1" });
    const unnamed = await reporting.reportUsage(usage);
    await reporting.send();
    assert.deepEqual(named, { accepted: true, id: "turn-1" });
    assert.ok(unnamed.accepted && unnamed.id !== "turn-1");
    assert.deepEqual([...ledger.charges.keys()].toSorted(), ["turn-1", unnamed.id].toSorted());
  });

  it("has no effect when it is repeated", async () => {
    const reporting = open();
    await reporting.reportUsage({ ...usage, id: "turn-1" });
    await reporting.send();
    await reporting.reportUsage({ ...usage, id: "turn-1" });
    await reporting.send();
    assert.deepEqual([...ledger.charges], [["turn-1", 15]]);
  });

  it("is on the disk when it is accepted, and is sent after a restart", async () => {
    ledger.behavior = () => "lost";
    await open().reportUsage({ ...usage, id: "turn-1" });
    assert.equal((await new ReportStore(folder).list())[0]?.id, "turn-1");
    windows.pop()?.dispose();
    ledger.behavior = () => undefined;
    const [left] = await new ReportStore(folder).list();
    assert.ok(left);
    const { notBefore: _, ...due } = left;
    await new ReportStore(folder).update(due);
    await open().send();
    assert.deepEqual([...ledger.charges.keys()], ["turn-1"]);
  });

  it("is not accepted while reporting is off or nobody is signed in, and the caller is told", async () => {
    assert.deepEqual(await open({ isOn: false }).reportUsage(usage), { accepted: false, reason: "off" });
    const signedOut = open({ signedIn: false });
    assert.deepEqual(await signedOut.reportUsage(usage), { accepted: false, reason: "signed-out" });
    assert.deepEqual(await new ReportStore(folder).list(), []);
  });

  it("waits while reporting is switched off", async () => {
    await new ReportStore(folder).add({
      id: "turn-1",
      account: "user-1",
      request: { model: "m", prompt_tokens: 1, completion_tokens: 1 },
      reportedAt: 1,
      attempts: 0,
    });
    await open({ isOn: false }).send();
    assert.equal(ledger.attempts.size, 0);
    await open().send();
    assert.equal(ledger.charges.size, 1);
  });

  const wrong: [string, unknown][] = [
    ["without a model", { promptTokens: 1, completionTokens: 1 }],
    ["without tokens", { model: "m" }],
    ["with a fraction of a token", { ...usage, promptTokens: 1.5 }],
    ["with fewer tokens than none", { ...usage, completionTokens: -1 }],
    ["with more cached tokens than tokens", { ...usage, cacheReadTokens: 6, cacheWriteTokens: 5 }],
    ["with a name that is no name", { ...usage, id: "a b" }],
    ["that is nothing", undefined],
  ];
  for (const [what, report] of wrong) {
    it(`${what} is a TypeError`, async () => {
      await assert.rejects(open().reportUsage(report as UsageReport), TypeError);
    });
  }
});
