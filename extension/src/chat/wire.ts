/** What is sent to `POST /api/llm/chat/completions` and read from its stream. */

export interface TextBlock {
  type: "text";
  text: string;
  /** Read by Anthropic's models, which cache the prompt up to a marked block. */
  cache_control?: { type: "ephemeral" };
}

export interface ImageBlock {
  type: "image_url";
  image_url: { url: string };
}

export type Block = TextBlock | ImageBlock;

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** Fields in which a provider sent the reasoning of an answer, to be returned in the next turn. */
export interface Reasoning {
  reasoning?: string;
  reasoning_content?: string;
  reasoning_details?: unknown[];
}

export interface SystemMessage {
  role: "system";
  content: string | TextBlock[];
}

export interface UserMessage {
  role: "user";
  content: string | Block[];
}

export interface AssistantMessage extends Reasoning {
  role: "assistant";
  content: string | TextBlock[] | null;
  tool_calls?: ToolCall[];
}

export interface ToolMessage {
  role: "tool";
  tool_call_id: string;
  content: string | TextBlock[];
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

export interface Tool {
  type: "function";
  function: { name: string; description: string; parameters: object };
}

export interface ChatRequest {
  model: string;
  messages: Message[];
  stream: true;
  stream_options: { include_usage: true };
  tools?: Tool[];
  tool_choice?: "auto" | "required";
  [option: string]: unknown;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number };
  completion_tokens_details?: { reasoning_tokens?: number };
}

export interface ToolCallDelta {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}

export interface Delta extends Reasoning {
  content?: string | null;
  refusal?: string | null;
  tool_calls?: ToolCallDelta[];
}

export interface Chunk {
  delta?: Delta;
  finishReason?: string;
  usage?: Usage;
  /** The body of an error that ended the stream. */
  error?: unknown;
}
