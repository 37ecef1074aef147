/** A response whose body tells when it has ended. */

/**
 * The same response. `ended` is called once: with true when the body was read to its end, with false when
 * it broke off, or was cancelled, or `signal` was aborted.
 */
export function watchBody(
  response: Response,
  signal: AbortSignal | undefined,
  ended: (complete: boolean) => void,
): Response {
  const { body } = response;
  if (body === null) {
    ended(true);
    return response;
  }
  const reader = body.getReader();
  const end = once((complete) => {
    signal?.removeEventListener("abort", aborted);
    ended(complete);
  });
  const aborted = (): void => end(false);
  signal?.addEventListener("abort", aborted);
  const watched = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
            end(true);
          } else {
            controller.enqueue(value);
          }
        } catch (error) {
          end(false);
          throw error;
        }
      },
      async cancel(reason) {
        end(false);
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const { status, statusText, headers } = response;
  return new Response(watched, { status, statusText, headers });
}

function once(action: (complete: boolean) => void): (complete: boolean) => void {
  let called = false;
  return (complete) => {
    if (!called) {
      called = true;
      action(complete);
    }
  };
}
