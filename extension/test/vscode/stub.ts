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
