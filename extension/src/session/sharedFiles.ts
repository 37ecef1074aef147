/**
 * Secrets that all tabs of an editor in a browser share at once.
 *
 * There, a tab sees what another one has put into the secret storage only after it is loaded again. So the
 * values are in files of the extension's own folder, on the computer that runs the extension, encrypted with
 * AES-256-GCM; the key is in the secret storage, and stays the same.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EventEmitter } from "vscode";
import type { Secrets } from "./store.ts";

const KEY = "fileKey";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class SharedFiles implements Secrets {
  readonly #folder: string;
  readonly #secrets: Secrets;
  readonly #emitter = new EventEmitter<{ readonly key: string }>();
  /** The names of files, with the keys of the values in them. */
  readonly #keys = new Map<string, string>();
  #watcher: FSWatcher | undefined;

  readonly onDidChange = this.#emitter.event;

  constructor(folder: string, secrets: Secrets) {
    this.#folder = folder;
    this.#secrets = secrets;
  }

  /** Undefined also if the value was encrypted with another key, which the secret storage has lost. */
  async get(key: string): Promise<string | undefined> {
    const encryption = await this.#secrets.get(KEY);
    await this.#watch();
    try {
      const content = await readFile(this.#path(key));
      return encryption === undefined ? undefined : decrypted(content, encryption);
    } catch {
      return undefined;
    }
  }

  async store(key: string, value: string): Promise<void> {
    let encryption = await this.#secrets.get(KEY);
    if (encryption === undefined) {
      encryption = randomBytes(32).toString("base64");
      await this.#secrets.store(KEY, encryption);
    }
    await this.#watch();
    const path = this.#path(key);
    const draft = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(draft, encrypted(value, encryption), { mode: 0o600 });
    await rename(draft, path);
    this.#emitter.fire({ key });
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
    this.#emitter.fire({ key });
  }

  dispose(): void {
    this.#watcher?.close();
    this.#emitter.dispose();
  }

  #path(key: string): string {
    const name = createHash("sha256").update(key).digest("hex");
    this.#keys.set(name, key);
    return join(this.#folder, name);
  }

  async #watch(): Promise<void> {
    if (this.#watcher !== undefined) {
      return;
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
    this.#watcher ??= watch(this.#folder, (_, name) => {
      const key = this.#keys.get(name ?? "");
      if (key !== undefined) {
        this.#emitter.fire({ key });
      }
    });
  }
}

function encrypted(value: string, key: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(key, "base64"), nonce);
  const content = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), content]);
}

/** Raises if the content was changed, or encrypted with another key. */
function decrypted(content: Buffer, key: string): string {
  const nonce = content.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64"), nonce);
  decipher.setAuthTag(content.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const value = decipher.update(content.subarray(NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([value, decipher.final()]).toString("utf8");
}
