/** The product, as `make run` starts it, with its demo upstream: on an address that the editor does not proxy. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { CHECKOUT, OUTPUT, PYTHON } from "./places.ts";

export interface Account {
  readonly email: string;
  readonly password: string;
  /** A session of the API, as of a browser: it sees what the editor's session may not. */
  readonly access: string;
}

const PASSWORD = "correct horse battery staple";

export class Product {
  readonly url: string;
  readonly #environment: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  constructor(port: number) {
    // code-server rewrites links to 127.0.0.1 and localhost.
    this.url = `http://127.0.0.2:${port}`;
    this.#environment = {
      ...process.env,
      CI: "true",
      DATA_DIR: ".data/extension",
      HOST: "127.0.0.2",
      ALLOWED_HOSTS: "127.0.0.2",
      PORT: String(port),
      PUBLIC_URL: this.url,
      DEVICE_CODE_INTERVAL: "1",
      REGISTRATION_RATE: "1000/h",
    };
  }

  async start(): Promise<void> {
    await mkdir(OUTPUT, { recursive: true });
    const log = await open(`${OUTPUT}/product.log`, "a");
    this.#process = spawn(PYTHON, ["-m", "devserver.supervisor"], {
      cwd: CHECKOUT,
      env: this.#environment,
      stdio: ["ignore", log.fd, log.fd],
    });
    await log.close();
    await this.#ready(this.#process);
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running !== undefined && running.exitCode === null) {
      running.kill("SIGINT");
      await once(running, "exit");
    }
  }

  /** Run Python in the product's own settings, on its database. Returns what it printed. */
  async shell(code: string): Promise<string> {
    const child = spawn(PYTHON, ["manage.py", "shell", "--no-imports", "-c", code], {
      cwd: CHECKOUT,
      env: this.#environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    const [status] = await once(child, "close");
    if (status !== 0) {
      throw new Error(`manage.py shell ended with ${status}: ${output}`);
    }
    return output.trim();
  }

  async register(name: string): Promise<Account> {
    const email = `${name}-${crypto.randomUUID().slice(0, 8)}@example.com`;
    const body = { email, password: PASSWORD, name };
    const { access } = await this.api<{ access: string }>("POST", "/api/auth/register", { body });
    return { email, password: PASSWORD, access };
  }

  async api<T>(method: string, path: string, options: { access?: string; body?: unknown } = {}): Promise<T> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (options.access !== undefined) {
      headers["Authorization"] = `Bearer ${options.access}`;
    }
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    const response = await fetch(this.url + path, { method, headers, body });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async #ready(running: ChildProcess): Promise<void> {
    while (running.exitCode === null) {
      const response = await fetch(`${this.url}/api/health/ready`).catch(() => undefined);
      if (response?.ok) {
        return;
      }
      await pause(200);
    }
    throw new Error(`The product did not start: see ${OUTPUT}/product.log`);
  }
}
