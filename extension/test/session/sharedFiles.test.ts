import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { SharedFiles } from "../../src/session/sharedFiles.ts";
import { Secrets } from "../support/session.ts";

const folder = await mkdtemp(join(tmpdir(), "tokengate-shared-"));
const opened: SharedFiles[] = [];
let secrets: Secrets;

/** A tab of the browser; all have the key, and each only its own view of other secrets. */
function tab(keys: Secrets = secrets): SharedFiles {
  const files = new SharedFiles(join(folder, "session"), keys);
  opened.push(files);
  return files;
}

beforeEach(() => {
  secrets = new Secrets();
});

afterEach(async () => {
  for (const files of opened.splice(0)) {
    files.dispose();
  }
  await rm(join(folder, "session"), { recursive: true, force: true });
});

after(() => rm(folder, { recursive: true }));

describe("secrets in shared files", () => {
  it("are seen by another tab at once", async () => {
    const [one, other] = [tab(), tab()];
    await one.store("session", "first");
    assert.equal(await other.get("session"), "first");
    await one.store("session", "second");
    assert.equal(await other.get("session"), "second");
    await other.delete("session");
    assert.equal(await one.get("session"), undefined);
  });

  it("tell another tab that they have changed", async () => {
    const [one, other] = [tab(), tab()];
    assert.equal(await other.get("session"), undefined);
    const told = new Promise((resolve) => other.onDidChange(resolve));
    await one.store("session", "new");
    assert.deepEqual(await told, { key: "session" });
  });

  it("cannot be read from the disk, by other users or without the key", async () => {
    await tab().store("session", "a secret text");
    const [name] = await readdir(join(folder, "session"));
    const path = join(folder, "session", String(name));
    assert.equal((await readFile(path)).includes("secret"), false);
    if (process.platform !== "win32") {
      assert.equal((await stat(path)).mode & 0o077, 0);
      assert.equal((await stat(join(folder, "session"))).mode & 0o077, 0);
    }
    assert.equal(await tab(new Secrets()).get("session"), undefined);
  });

  it("that were changed on the disk are none", async () => {
    const files = tab();
    await files.store("session", "text");
    const [name] = await readdir(join(folder, "session"));
    await writeFile(join(folder, "session", String(name)), "something else");
    assert.equal(await files.get("session"), undefined);
  });
});
