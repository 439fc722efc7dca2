import { createServer, type ServerResponse } from 'node:http';

/**
 * The regulator's side of the delivery benchmarks, a process of its own (started with `fork`): accepts every login and every report, each after
 * the delay given as its argument, and counts. Where it is asked for a session it tells of the report that it has or has not had: a call that came to
 * nothing on a busy machine is a doubt, and a doubt ends by reading. Sends `{ port }` to its parent when it listens and
 * `{ calls, drivers, readings }` when asked; ends when the parent goes.
 */
const delayMs = Number(process.argv[2]);
const drivers = new Set<string>();
let calls = 0;
let readings = 0;

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  const [, driver, call] = /^\/drivers\/(\d+)\/(status|session)$/.exec(request.url ?? '') ?? [];
  request
    .on('data', () => undefined)
    .on('end', () => {
      const answer = driver ? answerOf(driver, call) : { token: 'token-of-the-benchmark' };
      if (delayMs > 0) setTimeout(send, delayMs, response, answer);
      else send(response, answer);
    });
});

function answerOf(driver: string, call: string | undefined): unknown {
  if (call === 'session') {
    readings += 1;
    return { session: drivers.has(driver) ? sessionOf(driver) : null };
  }
  calls += 1;
  drivers.add(driver);
  return { session: sessionOf(driver) };
}

function sessionOf(driver: string): unknown {
  const now = Date.now();
  const [startedAt, endGuess] = [now, now + 12 * 3_600_000].map((ms) => new Date(ms).toISOString());
  return { id: `session-${driver}`, status: 'ONLINE', startedAt, endGuess };
}

function send(response: ServerResponse, answer: unknown): void {
  const body = JSON.stringify(answer);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.send?.({ port: address.port });
});
process.on('message', () => {
  process.send?.({ calls, drivers: drivers.size, readings });
  [calls, readings] = [0, 0];
  drivers.clear();
});
process.on('disconnect', () => process.exit());
