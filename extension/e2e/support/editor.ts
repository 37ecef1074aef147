/** code-server with the packaged extension: one profile, and windows of it in a browser. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { CHROMIUM, E2E, OUTPUT, VSIX } from "./places.ts";
import { EditorWindow } from "./window.ts";

/** Its own PORT would win over --bind-addr. */
const { PORT: _, ...ENVIRONMENT } = process.env;
const ENTRY = `${E2E}/node_modules/code-server/out/node/entry.js`;

export interface EditorOptions {
  readonly name: string;
  readonly port: number;
  readonly server: string;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export class Editor {
  readonly folder: string;
  readonly #options: EditorOptions;
  #process: ChildProcess | undefined;
  #browser: Browser | undefined;
  #context: BrowserContext | undefined;
  #language = "en";

  private constructor(options: EditorOptions) {
    this.#options = options;
    this.folder = `${OUTPUT}/${options.name}`;
  }

  /** An editor with a fresh profile, in which the extension is installed. */
  static async install(options: EditorOptions): Promise<Editor> {
    const editor = new Editor(options);
    await rm(editor.folder, { recursive: true, force: true });
    for (const name of ["data/User", "data/Machine", "extensions", "workspace"]) {
      await mkdir(`${editor.folder}/${name}`, { recursive: true });
    }
    await writeFile(`${editor.folder}/config.yaml`, "auth: none\n");
    await editor.configure({});
    await editor.#install(VSIX);
    await editor.start();
    return editor;
  }

  async #install(vsix: string): Promise<void> {
    await promisify(execFile)(process.execPath, [ENTRY, ...this.#arguments(), "--install-extension", vsix]);
  }

  /** Settings of the server (the machine) and of the window are in files of their own. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const common = {
      "tokengate.serverUrl": this.#options.server,
      "telemetry.telemetryLevel": "off",
      "update.mode": "none",
      "workbench.startupEditor": "none",
      "workbench.enableExperiments": false,
      "extensions.ignoreRecommendations": true,
      "git.enabled": false,
      ...this.#options.settings,
      ...settings,
    };
    const text = JSON.stringify(common, undefined, 2);
    await writeFile(`${this.folder}/data/Machine/settings.json`, text);
    await writeFile(`${this.folder}/data/User/settings.json`, text);
  }

  async start(): Promise<void> {
    const log = await open(`${this.folder}/code-server.log`, "a");
    this.#process = spawn(process.execPath, [ENTRY, ...this.#arguments(), `${this.folder}/workspace`], {
      env: ENVIRONMENT,
      stdio: ["ignore", log.fd, log.fd],
    });
    await log.close();
    const late = Date.now() + 60_000;
    while (!(await fetch(this.#url()).catch(() => undefined))?.ok) {
      if (this.#process.exitCode !== null || Date.now() > late) {
        throw new Error(`code-server did not start: see ${this.folder}/code-server.log`);
      }
      await pause(100);
    }
  }

  /** A window: a tab of the one browser. The session of the editor is in the browser's profile. */
  async open(): Promise<EditorWindow> {
    this.#browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    this.#context ??= await this.#browser.newContext({
      viewport: { width: 1280, height: 800 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    return await EditorWindow.open(this.#context, `${this.#url()}/?folder=${this.folder}/workspace`);
  }

  /** Write a file of the workspace. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(`${this.folder}/workspace/${name}`, text);
  }

  /** The computer is restarted: windows and server end; the browser's profile stays. */
  async restart(): Promise<void> {
    await this.#close();
    await this.start();
  }

  /** Switch the language, as a language pack does that has no texts: those of the editor itself stay English. */
  async speak(language: string): Promise<void> {
    await this.#close();
    const texts = `${this.folder}/data/no-texts.json`;
    await writeFile(texts, JSON.stringify({ contents: {} }));
    const extensions = [{ extensionIdentifier: { id: "tokengate-tests.language-pack" }, version: "1.0.0" }];
    const pack = { hash: language, extensions, translations: { vscode: texts } };
    await writeFile(`${this.folder}/data/languagepacks.json`, JSON.stringify({ [language]: pack }));
    this.#language = language;
    await this.start();
  }

  async #close(): Promise<void> {
    for (const page of this.#context?.pages() ?? []) {
      await page.close();
    }
    await this.#end();
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#end();
  }

  async #end(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running !== undefined && running.exitCode === null) {
      running.kill("SIGTERM");
      await once(running, "exit");
    }
  }

  #url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  #arguments(): string[] {
    return [
      ...["--config", `${this.folder}/config.yaml`],
      ...["--bind-addr", `127.0.0.1:${this.#options.port}`],
      ...["--user-data-dir", `${this.folder}/data`],
      ...["--extensions-dir", `${this.folder}/extensions`],
      ...["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"],
      ...["--locale", this.#language],
    ];
  }
}
