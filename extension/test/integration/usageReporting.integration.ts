import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { HttpClient } from "../../src/api/httpClient.ts";
import { UsageReporting } from "../../src/usageReporting/reporting.ts";
import { ReportStore } from "../../src/usageReporting/store.ts";
import { newUser, receiptsOf } from "./product.ts";

const usage = { model: "my/model", provider: "openrouter", promptTokens: 1000, completionTokens: 200 };

let folder: string;
let refusals: string[];
const open: UsageReporting[] = [];

function windowOf(client: HttpClient): UsageReporting {
  const reporting = new UsageReporting({
    folder,
    client,
    isOn: () => true,
    events: {
      onCharged: () => undefined,
      onRefused: (_report, reason) => refusals.push(reason),
      onFailure: (error) => assert.fail(String(error)),
    },
  });
  open.push(reporting);
  return reporting;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "usage-reports-"));
  refusals = [];
});

afterEach(async () => {
  for (const reporting of open.splice(0)) {
    reporting.dispose();
  }
  await rm(folder, { recursive: true });
});

describe("usage at another provider", () => {
  it("is charged, with a receipt that has the report's name", async () => {
    const client = await newUser();
    const window = windowOf(client);
    const outcome = await window.reportUsage({ ...usage, cacheReadTokens: 300 });
    await window.send();
    assert.ok(outcome.accepted);
    const receipt = await client.receipt(outcome.id);
    assert.equal(receipt.charged, 1200);
    assert.equal(receipt.cached_tokens, 300);
    assert.equal(receipt.provider, "openrouter");
    assert.equal(receipt.source, "client");
  });

  it("is charged once by two windows, and by a repetition", async () => {
    const client = await newUser();
    const store = new ReportStore(folder);
    const [first, second] = [windowOf(client), windowOf(client)];
    const id = crypto.randomUUID();
    await first.reportUsage({ ...usage, id });
    await Promise.all([first.send(), second.send()]);
    await second.reportUsage({ ...usage, id });
    await second.send();
    assert.equal((await client.balance()).used, 1200);
    assert.equal((await receiptsOf(client)).length, 1);
    assert.deepEqual(await store.list(), []);
  });

  it("that was charged long ago, with a lost answer, is found by its receipt", async () => {
    const client = await newUser();
    const session = await client.getSession();
    const request = { model: "m", prompt_tokens: 10, completion_tokens: 0 };
    const id = crypto.randomUUID();
    await client.consume(request, id);
    await new ReportStore(folder).add({
      id,
      account: session?.account.id ?? "",
      // As if the server had forgotten the report's name: another request by it would be refused.
      request: { ...request, prompt_tokens: 11 },
      reportedAt: 1,
      firstSentAt: 1,
      attempts: 1,
    });
    await windowOf(client).send();
    assert.deepEqual(await new ReportStore(folder).list(), []);
    assert.deepEqual(refusals, []);
    assert.equal((await client.balance()).used, 10);
  });

  it("beyond the balance waits for tokens", async () => {
    const client = await newUser();
    const { available, period_end } = await client.balance();
    const window = windowOf(client);
    await window.reportUsage({ ...usage, promptTokens: available });
    await window.send();
    const [waiting] = await new ReportStore(folder).list();
    assert.ok((waiting?.notBefore ?? 0) > Date.now());
    assert.ok((waiting?.notBefore ?? 0) <= Date.parse(period_end));
    assert.equal((await client.balance()).used, 0);
  });

  it("for a reservation that is not the user's is set aside", async () => {
    const window = windowOf(await newUser());
    await window.reportUsage({ ...usage, reservation: crypto.randomUUID() });
    await window.send();
    assert.match(refusals[0] ?? "", /no such reservation/);
    assert.deepEqual(await new ReportStore(folder).list(), []);
  });
});
