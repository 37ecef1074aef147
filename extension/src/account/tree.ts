/** The view "Account": plan, balance, limits, usage of 14 days, recent requests, API keys. */
import {
  type Disposable,
  EventEmitter,
  l10n,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  window,
} from "vscode";
import type { TokengateClient } from "../api/client.ts";
import { TokengateError } from "../api/errors.ts";
import type { Format } from "./format.ts";
import { balanceRows, keyRows, limitRows, planRows, type Row, requestRows, usageRows } from "./rows.ts";
import type { Account } from "./state.ts";

/** A section reads its rows when it is opened, and again after every change of the balance. */
interface Section {
  readonly id: string;
  readonly label: string;
  readonly icon: string;
  readonly open: boolean;
  readonly rows: () => Promise<readonly Row[]>;
}

export function registerTree(account: Account, client: TokengateClient, format: Format): Disposable {
  const provider = new AccountTree(account, client, format);
  const view = window.createTreeView("tokengate.account", { treeDataProvider: provider });
  const subscription = account.onDidChange(() => provider.refresh());
  return {
    dispose() {
      subscription.dispose();
      view.dispose();
    },
  };
}

class AccountTree implements TreeDataProvider<Section | Row> {
  readonly #account: Account;
  readonly #sections: readonly Section[];
  readonly #emitter = new EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#emitter.event;

  constructor(account: Account, client: TokengateClient, format: Format) {
    this.#account = account;
    this.#sections = sections(client, format);
  }

  refresh(): void {
    this.#emitter.fire(undefined);
  }

  getTreeItem(node: Section | Row): TreeItem {
    return "rows" in node ? sectionItem(node) : rowItem(node);
  }

  async getChildren(node?: Section | Row): Promise<(Section | Row)[]> {
    if (node === undefined) {
      // Without sections, the view shows the welcome text with a button to sign in.
      return this.#account.state.kind === "signedOut" ? [] : [...this.#sections];
    }
    return [...("rows" in node ? await rowsOf(node) : (node.children ?? []))];
  }
}

async function rowsOf(section: Section): Promise<readonly Row[]> {
  try {
    return await section.rows();
  } catch (error) {
    if (!(error instanceof TokengateError)) {
      throw error;
    }
    return [{ label: error.message, icon: "warning", tooltip: error.describe() }];
  }
}

function sections(client: TokengateClient, format: Format): readonly Section[] {
  return [
    {
      id: "plan",
      label: l10n.t("Plan"),
      icon: "account",
      open: true,
      rows: async () => planRows(await client.me(), await client.subscription(), format),
    },
    {
      id: "balance",
      label: l10n.t("Balance"),
      icon: "dashboard",
      open: true,
      rows: async () => balanceRows(await client.balance(), format),
    },
    {
      id: "limits",
      label: l10n.t("Limits"),
      icon: "clock",
      open: false,
      rows: async () => limitRows(await client.limits(), format),
    },
    {
      id: "usage",
      label: l10n.t("Usage of 14 days"),
      icon: "graph",
      open: true,
      rows: async () => {
        const from = daysAgo(13);
        const [models, days] = await Promise.all([
          client.usageBy("model", { from }),
          client.usageBy("day", { from }),
        ]);
        return usageRows(models.results, days.results, format);
      },
    },
    {
      id: "requests",
      label: l10n.t("Recent requests"),
      icon: "history",
      open: false,
      rows: async () => requestRows((await client.usage({ limit: 20 })).results, format),
    },
    {
      id: "keys",
      label: l10n.t("API keys"),
      icon: "key",
      open: false,
      rows: async () => keyRows(await client.apiKeys(), format),
    },
  ];
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

function sectionItem(section: Section): TreeItem {
  const state = section.open ? TreeItemCollapsibleState.Expanded : TreeItemCollapsibleState.Collapsed;
  const item = new TreeItem(section.label, state);
  item.id = section.id;
  item.iconPath = new ThemeIcon(section.icon);
  item.contextValue = `tokengate.${section.id}`;
  return item;
}

function rowItem(row: Row): TreeItem {
  const state =
    row.children === undefined ? TreeItemCollapsibleState.None : TreeItemCollapsibleState.Expanded;
  const item = new TreeItem(row.label, state);
  if (row.description !== undefined) {
    item.description = row.description;
  }
  if (row.icon !== undefined) {
    item.iconPath = new ThemeIcon(row.icon);
  }
  item.tooltip = row.tooltip ?? [row.label, row.description].filter(Boolean).join(": ");
  item.accessibilityInformation = {
    label: row.spoken ?? [row.label, row.description].filter(Boolean).join(", "),
  };
  if (row.requestId !== undefined) {
    const title = l10n.t("Show receipt");
    item.command = { command: "tokengate.showReceipt", title, arguments: [row.requestId] };
  }
  return item;
}
