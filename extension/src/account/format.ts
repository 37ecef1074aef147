/** Numbers, times and bars as text, in the editor's language. */

const TENTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

export class Format {
  readonly #language: string;
  readonly #timeZone: string | undefined;

  constructor(language: string, timeZone?: string) {
    this.#language = supported(language);
    this.#timeZone = timeZone;
  }

  /** 1234567 → "1,234,567". */
  count(value: number): string {
    return new Intl.NumberFormat(this.#language).format(value);
  }

  /** 1234567 → "1.23M". Never rounded up: a balance is not shown above what it is. */
  compact(value: number): string {
    const options = { notation: "compact", maximumSignificantDigits: 3, roundingMode: "floor" } as const;
    return new Intl.NumberFormat(this.#language, options as Intl.NumberFormatOptions).format(value);
  }

  /** 0.734 → "73%". */
  percent(share: number): string {
    const options = { style: "percent", maximumFractionDigits: 0, roundingMode: "floor" } as const;
    return new Intl.NumberFormat(this.#language, options as Intl.NumberFormatOptions).format(share);
  }

  date(iso: string): string {
    return this.#format(iso, { dateStyle: "medium" });
  }

  time(iso: string): string {
    return this.#format(iso, { dateStyle: "medium", timeStyle: "short" });
  }

  #format(iso: string, options: Intl.DateTimeFormatOptions): string {
    const zone = this.#timeZone === undefined ? {} : { timeZone: this.#timeZone };
    return new Intl.DateTimeFormat(this.#language, { ...options, ...zone }).format(new Date(iso));
  }
}

/** A bar of `width` characters for the greatest value; at least a sliver for any other than zero. */
export function bar(value: number, greatest: number, width = 10): string {
  if (value <= 0 || greatest <= 0) {
    return "";
  }
  const eighths = Math.max(1, Math.round((value / greatest) * width * 8));
  return "█".repeat(Math.floor(eighths / 8)) + (TENTHS[eighths % 8] ?? "");
}

function supported(language: string): string {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language)[0] ?? "en";
  } catch {
    return "en";
  }
}
