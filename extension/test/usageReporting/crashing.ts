/** Reports usage without end, and writes the name of each accepted report. Run by crash.test.ts. */

import { UsageReporting } from "../../src/usageReporting/reporting.ts";
import { clientOf } from "./ledger.ts";

const [folder = "", address = ""] = process.argv.slice(2);
const reporting = new UsageReporting({
  folder,
  client: clientOf(address),
  isOn: () => true,
  events: { onCharged: () => undefined, onRefused: () => undefined, onFailure: () => undefined },
});
for (;;) {
  const outcome = await reporting.reportUsage({ model: "m", promptTokens: 10, completionTokens: 5 });
  process.stdout.write(`${outcome.accepted ? outcome.id : outcome.reason}\n`);
}
