/**
 * Runs the tests in this folder against the product as `make run` starts it, with its demo upstream and
 * data of its own. With TOKENGATE_URL and UPSTREAM_URL set, against a server that runs already.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const extension = fileURLToPath(new URL("../..", import.meta.url));
const checkout = fileURLToPath(new URL("../../..", import.meta.url));
const port = Number(process.env["PORT"] ?? 8290);
const longestStart = 180_000;

async function main(): Promise<number> {
  if (process.env["TOKENGATE_URL"] !== undefined) {
    return await runTests({});
  }
  const url = `http://127.0.0.1:${port}`;
  const product = spawn(".venv/bin/python", ["-m", "devserver.supervisor"], {
    cwd: checkout,
    env: {
      ...process.env,
      CI: "true",
      DATA_DIR: ".data/extension-api",
      PORT: String(port),
      REGISTRATION_RATE: "1000/h",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await untilReady(product, `${url}/api/health/ready`);
    // `make run` starts the demo upstream ten thousand ports higher.
    return await runTests({ TOKENGATE_URL: url, UPSTREAM_URL: `http://127.0.0.1:${port + 10_000}` });
  } finally {
    await stop(product);
  }
}

async function runTests(addresses: NodeJS.ProcessEnv): Promise<number> {
  const options = ["--import", "./test/vscode/register.mjs", "--test", "test/integration/*.integration.ts"];
  const tests = spawn(process.execPath, options, {
    cwd: extension,
    env: { ...process.env, ...addresses },
    stdio: "inherit",
  });
  const [code] = await once(tests, "exit");
  return code ?? 1;
}

async function untilReady(product: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + longestStart;
  while (Date.now() < deadline) {
    if (product.exitCode !== null) {
      throw new Error(`The product ended with ${product.exitCode}. Is port ${port} in use?`);
    }
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) {
      return;
    }
    await pause(200);
  }
  throw new Error("The product did not start within three minutes.");
}

async function stop(product: ChildProcess): Promise<void> {
  if (product.exitCode === null) {
    product.kill("SIGINT");
    await once(product, "exit");
  }
}

process.exitCode = await main();
