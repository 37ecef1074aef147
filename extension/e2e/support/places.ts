/** Where things are. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const EXTENSION = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
export const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
export const E2E = `${EXTENSION}/e2e`;
/** Screenshots, logs and the editor's data: ignored by git, emptied at the start of a run. */
export const OUTPUT = `${E2E}/.output`;
export const PYTHON = `${CHECKOUT}/.venv/bin/python`;
export const VSIX = `${OUTPUT}/tokengate.vsix`;

export const CHROMIUM =
  process.env["CHROMIUM"] ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
    existsSync(path),
  ) ??
  "chromium";
