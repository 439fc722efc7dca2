import { createServer, type ServerResponse } from 'node:http';

/**
 * The regulator's side of the delivery benchmark, a process of its own (started with `fork`): accepts every login and every report, each after
 * the delay given as its argument, and counts. Sends `{ port }` to its parent when it listens and `{ calls, drivers }` when asked;
 * ends when the parent goes.
 */
const delayMs = Number(process.argv[2]);
const drivers = new Set<string>();
let calls = 0;

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  const driver = /^\/drivers\/(\d+)\/status$/.exec(request.url ?? '')?.[1];
  request
    .on('data', () => undefined)
    .on('end', () => {
      const answer = driver ? accept(driver) : { token: 'token-of-the-benchmark' };
      if (delayMs > 0) setTimeout(send, delayMs, response, answer);
      else send(response, answer);
    });
});

function accept(driver: string): unknown {
  calls += 1;
  drivers.add(driver);
  const now = Date.now();
  const [startedAt, endGuess] = [now, now + 12 * 3_600_000].map((ms) => new Date(ms).toISOString());
  return { session: { id: `session-${driver}`, status: 'ONLINE', startedAt, endGuess } };
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
  process.send?.({ calls, drivers: drivers.size });
  calls = 0;
  drivers.clear();
});
process.on('disconnect', () => process.exit());
