/** How much of the period's allowance is left, and when the user is warned. */
import type { Balance, Me } from "../api/generated/index.ts";

export type Level = "enough" | "low" | "none";

/** Below this share the status bar item is coloured, and the user is warned once. */
export const LOW = 0.2;

/**
 * What is not spent. Tokens that running requests have reserved count: they come back, except for what
 * the receipt will say.
 */
export function left({ available, reserved }: Balance): number {
  return available + reserved;
}

/** The share of the allowance that is left, from 0 to 1; bonus tokens count. */
export function shareLeft({ balance }: Me): number {
  const whole = Math.max(balance.allocated, 1);
  return Math.min(1, left(balance) / whole);
}

export function levelOf(me: Me): Level {
  if (left(me.balance) <= 0) {
    return "none";
  }
  return shareLeft(me) <= LOW ? "low" : "enough";
}

/** Names what the user was warned of: the same text comes once a period. */
export function warningKey(server: string, me: Me, level: Level): string {
  return ["warned", server, me.user.id, me.balance.period_start, level].join(" ");
}
