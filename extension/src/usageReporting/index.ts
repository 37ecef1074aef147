import { join } from "node:path";
import * as vscode from "vscode";
import type { Services } from "../services.ts";
import type { TokengateApi } from "./api.ts";
import { UsageReporting } from "./reporting.ts";
import type { StoredReport } from "./store.ts";

const setting = "tokengate.usageReporting.enabled";

/** Report the usage of requests to other providers. The extension exports `api` to other extensions. */
export function registerUsageReporting(services: Services): vscode.Disposable & { api: TokengateApi } {
  const { client, context, log } = services;
  const reporting = new UsageReporting({
    folder: join(context.globalStorageUri.fsPath, "usage-reports"),
    client,
    isOn: () => vscode.workspace.getConfiguration().get(setting, false),
    events: {
      onCharged: ({ id }, charged) => log.info(`The usage report ${id} was charged with ${charged} tokens.`),
      onRefused: (report, reason, file) => {
        log.error(`The usage report ${report.id} was refused: ${reason}`);
        void tellRefusal(report, reason, file);
      },
      onFailure: (error) => log.error("Usage reports could not be sent.", error),
    },
  });
  reporting.start();
  const subscriptions = vscode.Disposable.from(
    { dispose: () => reporting.dispose() },
    client.onDidChangeSession(() => void reporting.send()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(setting)) {
        void reporting.send();
      }
    }),
  );
  return {
    api: { reportUsage: (report) => reporting.reportUsage(report) },
    dispose: () => subscriptions.dispose(),
  };
}

async function tellRefusal({ request }: StoredReport, reason: string, file: string): Promise<void> {
  const message = vscode.l10n.t("A usage report for {0} was refused. {1}", request.model, reason);
  const show = vscode.l10n.t("Show the report");
  if ((await vscode.window.showWarningMessage(message, show)) === show) {
    await vscode.window.showTextDocument(vscode.Uri.file(file));
  }
}
