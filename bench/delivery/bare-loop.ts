import { Agent, request } from 'undici';

/** The same calls as the service makes, and nothing else: `inFlight` at a time, each answer read and parsed. */
export async function callBarely(
  url: string,
  { ids, inFlight, signal }: { ids: readonly number[]; inFlight: number; signal: AbortSignal },
): Promise<void> {
  await using agent = disposable(new Agent({ connections: inFlight, pipelining: 1, keepAliveTimeout: 30_000 }));
  const headers = {
    accept: 'application/json',
    authorization: 'token-of-the-benchmark',
    'content-type': 'application/json',
  };
  let next = 0;
  const work = async () => {
    while (next < ids.length && !signal.aborted) {
      const id = ids[next++]!;
      const answer = await request(`${url}/drivers/${id}/status`, {
        dispatcher: agent.value,
        method: 'POST',
        headers,
        body: JSON.stringify({ event: 'CONNECTED', occurredAt: new Date().toISOString() }),
      });
      const { session } = (await answer.body.json()) as { session?: { id: string } };
      if (!session) throw new Error('The bare loop got an answer without a session.');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  signal.throwIfAborted();
}

function disposable(value: Agent) {
  return { value, [Symbol.asyncDispose]: () => value.destroy() };
}
