export type WireAnswer = { status: number; body: unknown; retryAfter?: string };

/** A plain client of the regulator's wire, for tests. */
export function regulatorClient(url: string) {
  const client = {
    token: '',
    async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<WireAnswer> {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: client.token, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
      const retryAfter = response.headers.get('retry-after');
      const answer = { status: response.status, body: await response.json() };
      return retryAfter === null ? answer : { ...answer, retryAfter };
    },
    get: (path: string) => client.send('GET', path),
    post: (path: string, body: unknown, signal?: AbortSignal) => client.send('POST', path, body, signal),
    async login(): Promise<string> {
      const { body } = await client.post('/authenticate', { login: 'service', password: 'secret' });
      client.token = (body as { token: string }).token;
      return client.token;
    },
    report: (id: string, event: 'CONNECTED' | 'DISCONNECTED', atMs: number, signal?: AbortSignal) =>
      client.post(`/drivers/${id}/status`, { event, occurredAt: new Date(atMs).toISOString() }, signal),
  };
  return client;
}
