/** A language pack without translations: it makes an editor ask extensions for theirs. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { E2E, OUTPUT } from "./places.ts";

/** The path of the packaged extension. */
export async function languagePack(locale: string): Promise<string> {
  const folder = `${OUTPUT}/language-pack-${locale}`;
  const name = new Intl.DisplayNames("en", { type: "language" }).of(locale) ?? locale;
  const translations = [{ id: "vscode", path: "./main.i18n.json" }];
  const manifest = {
    name: `language-pack-${locale}`,
    displayName: `${name} (empty)`,
    description: "A language pack without translations.",
    version: "1.0.0",
    publisher: "tokengate",
    engines: { vscode: "^1.106.0" },
    contributes: {
      localizations: [{ languageId: locale, languageName: name, localizedLanguageName: name, translations }],
    },
  };
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/package.json`, JSON.stringify(manifest));
  await writeFile(`${folder}/main.i18n.json`, JSON.stringify({ "": [], version: "1.0.0", contents: {} }));
  const path = `${folder}.vsix`;
  const vsce = `${E2E}/node_modules/@vscode/vsce/vsce`;
  const options = ["--no-dependencies", "--skip-license", "--allow-missing-repository", "--out", path];
  await promisify(execFile)(process.execPath, [vsce, "package", ...options], { cwd: folder });
  return path;
}
