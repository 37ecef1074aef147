/** `make test-extension`: packages the extension, and tries it in a real editor. Arguments: names of test files. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { E2E, EXTENSION, OUTPUT, VSIX } from "./support/places.ts";

const LARGEST = 500_000;

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
execFileSync(process.execPath, ["esbuild.mjs"], { cwd: EXTENSION, stdio: "inherit" });
const vsce = `${E2E}/node_modules/@vscode/vsce/vsce`;
execFileSync(process.execPath, [vsce, "package", "--no-dependencies", "--out", VSIX], {
  cwd: EXTENSION,
  stdio: ["ignore", "ignore", "inherit"],
});
const { size } = statSync(VSIX);
console.log(`tokengate.vsix has ${size} bytes.`);
if (size > LARGEST) {
  throw new Error(`The package is larger than ${LARGEST} bytes.`);
}
const wanted = process.argv.slice(2);
const files = readdirSync(E2E)
  .filter(
    (file) =>
      file.endsWith(".test.ts") && (wanted.length === 0 || wanted.some((name) => file.includes(name))),
  )
  .map((file) => `${E2E}/${file}`);
const options = ["--test", "--test-concurrency=1", "--test-reporter=spec", "--test-timeout=600000"];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
console.log(`Screenshots and logs are in ${OUTPUT}.`);
process.exitCode = status ?? 1;
