/** The receipt of a request, as a read-only document. */
import { type Disposable, l10n, type TextDocumentContentProvider, Uri, window, workspace } from "vscode";
import type { TokengateClient } from "../api/client.ts";
import type { Kind, Receipt } from "../api/generated/index.ts";
import type { Format } from "./format.ts";

const SCHEME = "tokengate-receipt";

export function registerReceipts(client: TokengateClient, format: Format): Disposable {
  const provider: TextDocumentContentProvider = {
    provideTextDocumentContent: async (uri) => receiptText(await client.receipt(uri.query), format),
  };
  return workspace.registerTextDocumentContentProvider(SCHEME, provider);
}

export async function showReceipt(requestId: string): Promise<void> {
  const path = `/${l10n.t("Receipt")} ${requestId.slice(0, 8)}.txt`;
  const document = await workspace.openTextDocument(Uri.from({ scheme: SCHEME, path, query: requestId }));
  await window.showTextDocument(document, { preview: true });
}

export function receiptText(receipt: Receipt, format: Format): string {
  const { kinds } = receipt;
  const blocks: (readonly [string, string])[][] = [
    [
      [l10n.t("Request"), receipt.request_id],
      [l10n.t("Time"), format.time(receipt.created_at)],
      [l10n.t("Model"), receipt.model],
      [l10n.t("Provider"), receipt.provider],
      [l10n.t("Status"), `${receipt.status}, ${receipt.settlement}`],
    ],
    [
      [l10n.t("Prompt tokens"), weighted(kinds.prompt, format)],
      [l10n.t("Read from the cache"), weighted(kinds.cache_read, format)],
      [l10n.t("Written to the cache"), weighted(kinds.cache_write, format)],
      [l10n.t("Completion tokens"), weighted(kinds.completion, format)],
      [l10n.t("Other tokens"), weighted(kinds.surplus, format)],
      [l10n.t("Charged"), format.count(receipt.charged)],
    ],
    [
      [l10n.t("Balance before"), format.count(receipt.available_before)],
      [l10n.t("Balance after"), format.count(receipt.available_after)],
    ],
    receipt.attempts.map(
      (attempt) =>
        [
          l10n.t("Attempt"),
          `${attempt.provider}: ${attempt.outcome}, ${format.count(attempt.ms)} ms`,
        ] as const,
    ),
  ];
  const width = Math.max(...blocks.flat().map(([name]) => name.length));
  const lines = (block: (readonly [string, string])[]): string =>
    block.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
  return blocks
    .map((block) => lines(block.filter(([, value]) => value !== "")))
    .filter((text) => text !== "")
    .join("\n");
}

/** "1,200 × 0.5": the tokens of a kind, and what each of them is charged. */
function weighted(kind: Kind, format: Format): string {
  const tokens = format.count(kind.tokens);
  return kind.weight === null || kind.tokens === 0 ? tokens : `${tokens} × ${Number(kind.weight)}`;
}
