import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ReportSender } from "../../src/usageReporting/sender.ts";
import { ReportStore } from "../../src/usageReporting/store.ts";
import { clientOf, Ledger } from "./ledger.ts";

const program = fileURLToPath(new URL("crashing.ts", import.meta.url));

/** Run a process that reports usage, and kill it after so many accepted reports. Returns their names. */
async function crashAfter(count: number, folder: string, address: string): Promise<string[]> {
  const child = spawn(process.execPath, [program, folder, address], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const accepted: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    accepted.push(line);
    if (accepted.length === count) {
      child.kill("SIGKILL");
    }
  }
  await exited;
  return accepted;
}

describe("a killed process", () => {
  it("loses no report that it has accepted, and none is charged twice", async () => {
    const folder = await mkdtemp(join(tmpdir(), "usage-reports-"));
    const ledger = new Ledger();
    await ledger.start();
    try {
      const accepted = await Promise.all(
        [1, 7, 23].map((count) => crashAfter(count, folder, ledger.address)),
      );
      const sender = new ReportSender(new ReportStore(folder), clientOf(ledger.address), {
        onCharged: () => undefined,
        onRefused: () => undefined,
      });
      await sender.send(new AbortController().signal);
      for (const id of accepted.flat()) {
        assert.equal(ledger.charges.get(id), 15, id);
      }
      assert.deepEqual(await new ReportStore(folder).list(), []);
    } finally {
      await ledger.stop();
      await rm(folder, { recursive: true });
    }
  });
});
