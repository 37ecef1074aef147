/** The status bar item: what is left of the month. */
import {
  type Disposable,
  l10n,
  MarkdownString,
  StatusBarAlignment,
  type StatusBarItem,
  ThemeColor,
  window,
} from "vscode";
import { left, levelOf, shareLeft } from "./allowance.ts";
import type { Format } from "./format.ts";
import type { Account, AccountState, Snapshot } from "./state.ts";

export function registerStatusBar(account: Account, format: Format): Disposable {
  const item = window.createStatusBarItem("tokengate.balance", StatusBarAlignment.Right, 100);
  item.name = l10n.t("Tokengate balance");
  const update = (): void => show(item, account.state, format);
  update();
  item.show();
  const subscription = account.onDidChange(update);
  return {
    dispose() {
      subscription.dispose();
      item.dispose();
    },
  };
}

interface Look {
  readonly text: string;
  /** For screen readers, which do not read icons. */
  readonly label: string;
  readonly tooltip: string | MarkdownString;
  readonly command: string;
  readonly color?: "warning" | "error" | undefined;
}

function show(item: StatusBarItem, state: AccountState, format: Format): void {
  const look = lookOf(state, format);
  item.text = look.text;
  item.tooltip = look.tooltip;
  item.command = look.command;
  item.accessibilityInformation = { label: look.label, role: "button" };
  item.backgroundColor =
    look.color === undefined ? undefined : new ThemeColor(`statusBarItem.${look.color}Background`);
}

export function lookOf(state: AccountState, format: Format): Look {
  switch (state.kind) {
    case "signedOut": {
      const label = l10n.t("Sign in to Tokengate");
      return { text: `$(dashboard) ${label}`, label, tooltip: label, command: "tokengate.signIn" };
    }
    case "loading": {
      const label = l10n.t("Tokengate: reading the balance");
      return { text: "$(sync~spin) Tokengate", label, tooltip: label, command: "tokengate.manage" };
    }
    case "unknown": {
      const tooltip = state.error.describe();
      const label = l10n.t("Tokengate is not available: {0}", state.error.message);
      return { text: "$(warning) Tokengate", label, tooltip, command: "tokengate.refresh", color: "warning" };
    }
    case "known":
      return state.error === undefined
        ? balance(state.snapshot, format)
        : stale(state.snapshot, state.error.message, format);
  }
}

function balance(snapshot: Snapshot, format: Format): Look {
  const { me } = snapshot;
  const tokens = left(me.balance);
  const level = levelOf(me);
  return {
    text: `$(dashboard) ${format.compact(tokens)}`,
    label: l10n.t("Tokengate: {0} tokens left", format.count(tokens)),
    tooltip: details(snapshot, format),
    command: "tokengate.manage",
    color: { enough: undefined, low: "warning" as const, none: "error" as const }[level],
  };
}

function stale(snapshot: Snapshot, message: string, format: Format): Look {
  const known = balance(snapshot, format);
  const tooltip = new MarkdownString(`$(warning) ${escaped(message)}\n\n`, true);
  tooltip.appendMarkdown(details(snapshot, format).value);
  const label = l10n.t("Tokengate is not available: {0}", message);
  return { ...known, text: `$(warning) ${format.compact(left(snapshot.me.balance))}`, label, tooltip };
}

function details({ me, spentToday, spentHere }: Snapshot, format: Format): MarkdownString {
  const { balance: tokens } = me;
  const rows: [string, string][] = [
    [l10n.t("Plan"), escaped(me.plan.title)],
    [
      l10n.t("Tokens left"),
      `${format.count(left(tokens))} (${l10n.t("{0} of the allowance", format.percent(shareLeft(me)))})`,
    ],
    [l10n.t("Resets on"), format.date(tokens.period_end)],
    [l10n.t("Used today (UTC)"), format.count(spentToday)],
    [l10n.t("Used in this window today"), format.count(spentHere)],
  ];
  if (tokens.reserved > 0) {
    rows.splice(2, 0, [l10n.t("Reserved for running requests"), format.count(tokens.reserved)]);
  }
  if (tokens.bonus > 0) {
    rows.splice(2, 0, [l10n.t("Bonus tokens"), format.count(tokens.bonus)]);
  }
  const lines = rows.map(([name, value]) => `| ${name} | ${value} |`);
  return new MarkdownString(["| Tokengate | |", "| :-- | :-- |", ...lines].join("\n"), true);
}

function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>$]/g, "\\$&");
}
