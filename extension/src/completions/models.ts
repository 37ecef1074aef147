/** Which model completes code, if the user has chosen none. */

import type { Model } from "../api/generated/index.ts";
import { fillsIn } from "./prompts.ts";

/** The cheapest model that was trained to fill in code, else the cheapest chat model. */
export function chooseModel(models: readonly Model[], chosen: string): Model | undefined {
  const usable = models.filter((model) => model.type !== "embedding");
  if (chosen !== "") {
    return usable.find((model) => model.id === chosen);
  }
  const trained = usable.filter((model) => fillsIn(model.id));
  const candidates = trained.length > 0 ? trained : usable;
  return candidates.toSorted((one, other) => compare(one, other))[0];
}

/** By what a token counts of the balance, then by its price. */
function compare(one: Model, other: Model): number {
  return weightOf(one) - weightOf(other) || priceOf(one) - priceOf(other) || one.id.localeCompare(other.id);
}

function weightOf({ weights }: Model): number {
  return weights.prompt + weights.completion;
}

function priceOf({ pricing }: Model): number {
  return Number(pricing.prompt ?? 0) + Number(pricing.completion ?? 0);
}
