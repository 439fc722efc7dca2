import { openToAll } from '../../src/auth/auth.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openStub } from '../../src/stub/stub.ts';
import { TEXTS } from '../support/policy.ts';

/** A request of docs/api.md as it stands there: a line for curl, and what is said of its answer. */
export type Example = { curl: string; status: number; retryAfter: string | null; body: unknown };

export const EXAMPLE =
  /```sh\ncurl (?<curl>.+)\n```\n\nAnswer (?<status>\d{3})(?:, `Retry-After: (?<retryAfter>\d+)`)?:\n\n```json\n(?<body>[\s\S]+?)\n```/g;

export function examplesIn(text: string): Example[] {
  return [...text.matchAll(EXAMPLE)].map(({ groups }) => ({
    curl: groups!['curl']!,
    status: Number(groups!['status']),
    retryAfter: groups!['retryAfter'] ?? null,
    body: JSON.parse(groups!['body']!),
  }));
}

/** Does what the line for curl says, at another address. Knows `-H`, `--json` and the URL alone. */
export async function run(curl: string, url: string): Promise<Omit<Example, 'curl'>> {
  const headers = [...curl.matchAll(/-H '([^:]+): ([^']*)'/g)].map(([, name, value]): [string, string] => [
    name!,
    value!,
  ]);
  const json = /--json '([^']*)'/.exec(curl)?.[1];
  const path = /\blocalhost:8080(\/\S*)/.exec(curl)![1]!;
  const response = await fetch(url + path, {
    headers: [...headers, ...(json === undefined ? [] : [['content-type', 'application/json'] as [string, string]])],
    ...(json !== undefined && { method: 'POST', body: json }),
  });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() };
}

/** The moment at which the stub of the examples was started. */
const STARTED_AT = Date.UTC(2026, 0, 15, 9);

/** A stub at whose clock no time passes, though slow answers come. */
export function openStillStub(): Promise<Listener> {
  const clock: Clock = { ...systemClock, now: () => STARTED_AT };
  const lifetime = openLifetime();
  return openStub({
    host: '127.0.0.1',
    port: 0,
    auth: openToAll(),
    texts: TEXTS,
    lifetime,
    clock,
    log: openLog('silent'),
  });
}
