/** The models of the user's plan, as the editor describes models. */

import { type LanguageModelChatInformation, l10n } from "vscode";
import type { Model } from "../api/generated/index.ts";

/** `isUserSelectable` is not in the stable API: editors that know it list only models that have it. */
export interface ChatModel extends LanguageModelChatInformation {
  readonly isUserSelectable: true;
}

const unknownContext = 128_000;
const unknownOutput = 4_096;

export function toChatModels(models: readonly Model[]): ChatModel[] {
  return models.filter((model) => model.type !== "embedding").map(toChatModel);
}

function toChatModel(model: Model): ChatModel {
  const context = model.context_length ?? unknownContext;
  const longest = model.max_completion_tokens ?? unknownOutput;
  // The editor adds both limits to the context. The server fits the output into what the prompt leaves.
  const maxOutputTokens = Math.min(longest, Math.floor(context / 4));
  return {
    id: model.id,
    name: model.name ?? model.id,
    family: model.id.slice(model.id.lastIndexOf("/") + 1),
    version: model.id,
    maxInputTokens: context - maxOutputTokens,
    maxOutputTokens,
    capabilities: {
      // A provider that lists no features is asked rather than ruled out.
      toolCalling: model.supported_parameters?.includes("tools") ?? true,
      imageInput: model.architecture?.input_modalities?.includes("image") ?? false,
    },
    isUserSelectable: true,
    ...describe(model, context, longest),
  };
}

function describe(model: Model, context: number, maxOutput: number): { detail?: string; tooltip: string } {
  const { prompt, completion } = model.weights;
  const size = l10n.t(
    "Context: {0} tokens. Longest answer in your plan: {1} tokens.",
    context.toLocaleString(),
    maxOutput.toLocaleString(),
  );
  if (prompt === 1 && completion === 1) {
    return { tooltip: size };
  }
  const rate = prompt === completion ? `${prompt}×` : `${prompt}× / ${completion}×`;
  const weights = l10n.t(
    "Each token of the prompt counts as {0}, each token of the answer as {1} of your balance.",
    prompt,
    completion,
  );
  return { detail: rate, tooltip: `${size} ${weights}` };
}
