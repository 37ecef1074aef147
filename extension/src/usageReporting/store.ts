/**
 * Reports on the disk, one file for each, so that a crash loses none and windows need no lock:
 *
 *     waiting/<digest of the id>.json    to be sent
 *     refused/<digest of the id>.json    refused by the server, with the reason
 *
 * Two windows may send the same report at the same time: its id keeps it from being charged twice.
 */

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ConsumeRequest } from "../api/generated/index.ts";

export interface StoredReport {
  readonly id: string;
  /** The account to charge. */
  readonly account: string;
  readonly request: ConsumeRequest;
  /** In milliseconds since 1970, as are the others. */
  readonly reportedAt: number;
  /** The first attempt; undefined before it. */
  readonly firstSentAt?: number;
  readonly attempts: number;
  /** No attempt before this time. */
  readonly notBefore?: number;
}

export class ReportStore {
  readonly #waiting: string;
  readonly #refused: string;

  constructor(folder: string) {
    this.#waiting = join(folder, "waiting");
    this.#refused = join(folder, "refused");
  }

  /** Write a report, durably. One with the same id is kept as it is. */
  async add(report: StoredReport): Promise<void> {
    await mkdir(this.#waiting, { recursive: true });
    const known = await this.#read(this.#fileOf(report));
    if (known === undefined && (await readText(this.#refusedFileOf(report))) === undefined) {
      await writeDurably(this.#fileOf(report), report);
    }
  }

  /** Replace a report that waits. */
  async update(report: StoredReport): Promise<void> {
    await writeDurably(this.#fileOf(report), report);
  }

  /** Return the reports that wait, the oldest first. Files that are no reports are moved to the refused. */
  async list(): Promise<StoredReport[]> {
    const names = (await readdir(this.#waiting).catch(asEmpty)).filter((name) => name.endsWith(".json"));
    const reports: StoredReport[] = [];
    for (const name of names) {
      const report = await this.#read(join(this.#waiting, name));
      if (report !== undefined) {
        reports.push(report);
      }
    }
    return reports.toSorted((one, other) => one.reportedAt - other.reportedAt);
  }

  /** Remove a report that was charged. */
  async remove(report: StoredReport): Promise<void> {
    await rm(this.#fileOf(report), { force: true });
  }

  /** Set a report aside that the server will never accept. Returns the file, which has the reason. */
  async setAside(report: StoredReport, reason: string): Promise<string> {
    await mkdir(this.#refused, { recursive: true });
    const file = this.#refusedFileOf(report);
    await writeDurably(file, { ...report, reason });
    await this.remove(report);
    return file;
  }

  async #read(file: string): Promise<StoredReport | undefined> {
    const text = await readText(file);
    if (text === undefined) {
      return undefined;
    }
    try {
      return JSON.parse(text) as StoredReport;
    } catch {
      await mkdir(this.#refused, { recursive: true });
      await rename(file, join(this.#refused, `unreadable-${randomUUID()}.json`)).catch(ignoreMissing);
      return undefined;
    }
  }

  #fileOf({ id }: StoredReport): string {
    return join(this.#waiting, fileName(id));
  }

  #refusedFileOf({ id }: StoredReport): string {
    return join(this.#refused, fileName(id));
  }
}

/** A digest, because some file systems do not tell upper from lower case. */
function fileName(id: string): string {
  return `${createHash("sha256").update(id).digest("hex")}.json`;
}

async function readText(file: string): Promise<string | undefined> {
  return await readFile(file, "utf-8").catch(ignoreMissing);
}

/** Write a file in whole or not at all. It is on the disk when the promise is fulfilled. */
async function writeDurably(file: string, value: unknown): Promise<void> {
  const draft = `${file}.${randomUUID()}.draft`;
  const handle = await open(draft, "w");
  try {
    await handle.writeFile(JSON.stringify(value, null, 2));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
    throw error;
  }
}

function asEmpty(error: unknown): string[] {
  return ignoreMissing(error) ?? [];
}
