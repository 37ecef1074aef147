/** The part of the module "vscode" that unit tests need: values only; the types are the real ones. */

export class EventEmitter<T> {
  readonly #listeners = new Set<(event: T) => unknown>();

  readonly event = (listener: (event: T) => unknown, self?: unknown): { dispose(): void } => {
    const bound = self === undefined ? listener : listener.bind(self);
    this.#listeners.add(bound);
    return { dispose: () => this.#listeners.delete(bound) };
  };

  fire(event: T): void {
    for (const listener of [...this.#listeners]) {
      listener(event);
    }
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class Disposable {
  readonly #dispose: () => unknown;

  constructor(dispose: () => unknown) {
    this.#dispose = dispose;
  }

  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) {
        disposable.dispose();
      }
    });
  }

  dispose(): unknown {
    return this.#dispose();
  }
}

export class CancellationTokenSource {
  readonly #emitter = new EventEmitter<void>();
  readonly token = {
    isCancellationRequested: false,
    onCancellationRequested: this.#emitter.event,
  };

  cancel(): void {
    if (!this.token.isCancellationRequested) {
      this.token.isCancellationRequested = true;
      this.#emitter.fire();
    }
  }

  dispose(): void {
    this.#emitter.dispose();
  }
}

export class CancellationError extends Error {}

export const l10n = {
  t(message: string, ...args: unknown[]): string {
    const [first] = args;
    const values: Record<string, unknown> =
      typeof first === "object" && first !== null
        ? (first as Record<string, unknown>)
        : Object.fromEntries(args.entries());
    return message.replace(/\{(\w+)\}/g, (whole, name: string) =>
      name in values ? String(values[name]) : whole,
    );
  },
};

export class LanguageModelTextPart {
  value: string;

  constructor(value: string) {
    this.value = value;
  }
}

export class LanguageModelDataPart {
  data: Uint8Array;
  mimeType: string;

  constructor(data: Uint8Array, mimeType: string) {
    this.data = data;
    this.mimeType = mimeType;
  }
}

export class LanguageModelToolCallPart {
  callId: string;
  name: string;
  input: object;

  constructor(callId: string, name: string, input: object) {
    this.callId = callId;
    this.name = name;
    this.input = input;
  }
}

export class LanguageModelToolResultPart {
  callId: string;
  content: unknown[];

  constructor(callId: string, content: unknown[]) {
    this.callId = callId;
    this.content = content;
  }
}

export class LanguageModelPromptTsxPart {
  value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Not in the stable API: editors that have it export it. */
export class LanguageModelThinkingPart {
  value: string | string[];
  id: string | undefined;
  metadata: Record<string, unknown> | undefined;

  constructor(value: string | string[], id?: string, metadata?: Record<string, unknown>) {
    this.value = value;
    this.id = id;
    this.metadata = metadata;
  }
}

export class LanguageModelError extends Error {
  readonly code: string;

  constructor(message: string, code = "Unknown") {
    super(message);
    this.code = code;
  }

  static NoPermissions(message: string): LanguageModelError {
    return new LanguageModelError(message, "NoPermissions");
  }

  static Blocked(message: string): LanguageModelError {
    return new LanguageModelError(message, "Blocked");
  }

  static NotFound(message: string): LanguageModelError {
    return new LanguageModelError(message, "NotFound");
  }
}

/** What the code under test has shown, and what the user is to choose. */
export const shown: { messages: string[]; choose: string | undefined; commands: string[] } = {
  messages: [],
  choose: undefined,
  commands: [],
};

export const window = {
  async showWarningMessage(message: string): Promise<string | undefined> {
    shown.messages.push(message);
    return shown.choose;
  },
};

export const commands = {
  async executeCommand(command: string): Promise<void> {
    shown.commands.push(command);
  },
};

export const LanguageModelChatToolMode = { Auto: 1, Required: 2 } as const;

export const LanguageModelChatMessageRole = { User: 1, Assistant: 2 } as const;

export class MarkdownString {
  value: string;

  constructor(value = "") {
    this.value = value;
  }

  appendMarkdown(value: string): this {
    this.value += value;
    return this;
  }
}

export class ThemeColor {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
}

export const StatusBarAlignment = { Left: 1, Right: 2 } as const;
export const Uri = { from: (parts: object) => parts, parse: (value: string) => value };
export const env = { openExternal: async (_uri: string): Promise<boolean> => true };
export const workspace = {};
