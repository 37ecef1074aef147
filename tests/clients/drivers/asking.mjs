// What the drivers of both Node clients share: who asks, for what, and how an outcome is told.

const env = process.env;

export const MODEL = env.MODEL;
export const EMBEDDER = env.EMBEDDER;
export const BASE_URL = env.BASE_URL;
export const KEYS = { rich: env.RICH_KEY, poor: env.POOR_KEY, limited: env.LIMITED_KEY, wrong: "tgk_wrong" };
export const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

// Runs the scenarios one after the other; each returns what its client has seen.
export async function play(scenarios) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    let seen;
    try {
      seen = await scenario();
    } catch (error) {
      seen = { failed: String(error?.stack ?? error) };
    }
    console.log(JSON.stringify({ scenario: name, ...seen }));
  }
}

// Returns the status and the code of the error that the call throws; the type is the client's own.
export async function refused(call, read) {
  try {
    await call();
  } catch (error) {
    return { type: error.constructor.name, ...read(error) };
  }
  return { failed: "it was not refused" };
}
