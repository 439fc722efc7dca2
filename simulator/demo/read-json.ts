/** Asks a part of the stage. Throws if it does not answer with JSON of a 2xx within 30 s. */
export async function readJson<T>(url: string, method: 'GET' | 'POST' = 'GET', body?: object): Promise<T> {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(url, { method, signal: AbortSignal.timeout(30_000), ...sent });
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname} answered ${answer.status}`);
  return (await answer.json()) as T;
}
