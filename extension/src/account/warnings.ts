/** One warning at 80 % of the allowance and one at its end, each once a period, in one window. */
import { type Disposable, env, l10n, type Memento, Uri, window } from "vscode";
import type { TokengateClient } from "../api/client.ts";
import type { Me } from "../api/generated/index.ts";
import { pageUrl } from "../api/pages.ts";
import { type Level, left, levelOf, warningKey } from "./allowance.ts";
import type { Format } from "./format.ts";
import type { Account } from "./state.ts";

export function registerWarnings(
  account: Account,
  client: TokengateClient,
  memento: Memento,
  format: Format,
): Disposable {
  return account.onDidChange(async (state) => {
    if (state.kind !== "known" || state.error !== undefined || !window.state.focused) {
      return; // the window with the focus warns, for all of them
    }
    const { me } = state.snapshot;
    const level = levelOf(me);
    const key = warningKey(client.baseUrl, me, level);
    if (level === "enough" || memento.get(key) !== undefined) {
      return;
    }
    await memento.update(key, true);
    await warn(me, level, client.baseUrl, format);
  });
}

async function warn(me: Me, level: Level, server: string, format: Format): Promise<void> {
  const { period_end: end } = me.balance;
  const more = l10n.t("Get more tokens");
  const message =
    level === "none"
      ? l10n.t("Your Tokengate balance is used up. It is renewed on {0}.", format.date(end))
      : l10n.t(
          "{0} tokens are left of your Tokengate allowance. It is renewed on {1}.",
          format.count(left(me.balance)),
          format.date(end),
        );
  if ((await window.showWarningMessage(message, more)) === more) {
    await env.openExternal(Uri.parse(pageUrl(server, "tokens")));
  }
}
