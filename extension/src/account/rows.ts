/** What the sections of the account view say. */
import { l10n } from "vscode";
import type {
  ApiKey,
  Balance,
  LimitsNow,
  Me,
  Subscription,
  UsageRecord,
  UsageSum,
} from "../api/generated/index.ts";
import { left } from "./allowance.ts";
import { bar, type Format } from "./format.ts";

export interface Row {
  readonly label: string;
  readonly description?: string | undefined;
  readonly icon?: string | undefined;
  readonly tooltip?: string | undefined;
  /** What a screen reader says, where the description is a drawing. */
  readonly spoken?: string | undefined;
  /** A click shows the receipt of this request. */
  readonly requestId?: string | undefined;
  readonly children?: readonly Row[] | undefined;
}

export function planRows(me: Me, subscription: Subscription, format: Format): readonly Row[] {
  const rows: Row[] = [
    { label: me.plan.title, description: statusText(subscription, format) },
    { label: l10n.t("Signed in as"), description: me.user.email },
  ];
  const change = subscription.pending_change;
  if (change !== null) {
    const description = l10n.t("to {0} on {1}", change.plan, format.date(change.at));
    rows.push({ label: l10n.t("Changes"), description, icon: "calendar" });
  }
  if (subscription.grace_until !== null) {
    const until = format.date(subscription.grace_until);
    const description = l10n.t("the plan is kept until {0}", until);
    rows.push({ label: l10n.t("The last payment failed"), description, icon: "warning" });
  }
  return rows;
}

function statusText(subscription: Subscription, format: Format): string {
  const end = format.date(subscription.current_period_end);
  if (subscription.cancel_at_period_end) {
    return l10n.t("ends on {0}", end);
  }
  switch (subscription.status) {
    case "active":
    case "none":
      return l10n.t("renews on {0}", end);
    case "trialing":
      return l10n.t(
        "trial until {0}",
        format.date(subscription.trial_end ?? subscription.current_period_end),
      );
    case "past_due":
    case "unpaid":
      return l10n.t("payment due");
    case "paused":
      return l10n.t("paused");
    default:
      return l10n.t("not active yet");
  }
}

export function balanceRows(balance: Balance, format: Format): readonly Row[] {
  const amounts: [string, number][] = [
    [l10n.t("Left"), left(balance)],
    [l10n.t("Allowance"), balance.allocated],
    [l10n.t("Used"), balance.used],
    [l10n.t("Bonus"), balance.bonus],
    [l10n.t("Reserved for running requests"), balance.reserved],
  ];
  const rows = amounts.map(([label, amount]) => ({ label, description: format.count(amount) }));
  return [...rows, { label: l10n.t("Resets on"), description: format.time(balance.period_end) }];
}

export function limitRows(limits: LimitsNow, format: Format): readonly Row[] {
  const of = (part: { remaining: number; limit: number }): string =>
    l10n.t("{0} of {1} left", format.count(part.remaining), format.count(part.limit));
  return [
    { label: l10n.t("Requests per minute"), description: of(limits.requests_per_minute) },
    { label: l10n.t("Tokens per minute"), description: of(limits.tokens_per_minute) },
    { label: l10n.t("Concurrent requests"), description: of(limits.concurrent_requests) },
    { label: l10n.t("Output tokens of a request"), description: format.count(limits.max_output_tokens) },
    { label: l10n.t("Models"), description: limits.allowed_models.join(", ") },
  ];
}

export function usageRows(
  models: readonly UsageSum[],
  days: readonly UsageSum[],
  format: Format,
): readonly Row[] {
  if (models.length === 0) {
    return [{ label: l10n.t("No requests yet") }];
  }
  const dearest = [...models].sort((one, other) => other.charged - one.charged);
  const latest = [...days].sort((one, other) => String(other.group).localeCompare(String(one.group)));
  return [
    { label: l10n.t("By model"), children: charted(dearest, (name) => name, format) },
    { label: l10n.t("By day"), children: charted(latest, (day) => format.date(`${day}T12:00:00Z`), format) },
  ];
}

function charted(sums: readonly UsageSum[], name: (group: string) => string, format: Format): readonly Row[] {
  const greatest = Math.max(...sums.map((sum) => sum.charged));
  return sums.map((sum) => {
    const label = name(String(sum.group));
    const amount = format.count(sum.charged);
    const requests = l10n.t("{0} requests", format.count(sum.requests));
    return {
      label,
      description: `${amount} ${bar(sum.charged, greatest)}`,
      tooltip: `${label}: ${amount} (${requests})`,
      spoken: l10n.t("{0}: {1} tokens in {2} requests", label, amount, format.count(sum.requests)),
    };
  });
}

const STATUS_ICONS: Record<UsageRecord["status"], string> = {
  ok: "pass",
  cancelled: "circle-slash",
  failed: "error",
  abandoned: "error",
};

export function requestRows(records: readonly UsageRecord[], format: Format): readonly Row[] {
  if (records.length === 0) {
    return [{ label: l10n.t("No requests yet") }];
  }
  return records.map((record) => ({
    label: record.model,
    description: l10n.t("{0} tokens, {1}", format.count(record.charged), format.time(record.created_at)),
    icon: STATUS_ICONS[record.status],
    requestId: record.request_id,
  }));
}

export function keyRows(keys: readonly ApiKey[], format: Format): readonly Row[] {
  if (keys.length === 0) {
    return [{ label: l10n.t("No API keys") }];
  }
  return keys.map((key) => ({
    label: key.name,
    description:
      key.last_used_at === null
        ? l10n.t("{0}…, never used", key.prefix)
        : l10n.t("{0}…, last used on {1}", key.prefix, format.date(key.last_used_at)),
    icon: "key",
  }));
}
