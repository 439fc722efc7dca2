import { createServer } from 'node:http';

/**
 * Everything around the service, in a process of its own (started with `fork`): neighbours with nothing new, who know a place in Moscow for
 * everybody, and a regulator that accepts everything at once. Sends `{ port }` to its parent when it listens; ends when the parent goes.
 */
type Profile = { park_id: string; driver_id: string };

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  const parts: Buffer[] = [];
  request
    .on('data', (part: Buffer) => parts.push(part))
    .on('end', () => {
      const found = answer(request.url ?? '', Buffer.concat(parts).toString());
      const body = JSON.stringify(found ?? { code: 'NOT_FOUND' });
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      response.writeHead(found ? 200 : 404, headers);
      response.end(body);
    });
});

/** Null: there is no such call; batches of reports among them. */
function answer(url: string, body: string): unknown {
  if (url.startsWith('/driver-profiles')) return { profiles: [], last_known_revision: 'newest', has_more: false };
  if (url.startsWith('/driver-categories')) return { drivers: [], last_known_revision: 'newest', has_more: false };
  if (url.startsWith('/trackstory'))
    return { positions: (JSON.parse(body) as { drivers: Profile[] }).drivers.map(placeOf) };
  if (url.startsWith('/personal')) return { items: [] };
  const driver = /\/drivers\/(\d+)\//.exec(url)?.[1];
  if (!driver) return url.includes('/drivers/') ? null : { token: 'token-of-the-benchmark' };
  const isOver = body.includes('DISCONNECTED');
  const now = Date.now();
  const [startedAt, endGuess] = [now, now + (isOver ? 0 : 12 * 3_600_000)].map((ms) => new Date(ms).toISOString());
  return { session: { id: `session-${driver}`, status: isOver ? 'FINISHED' : 'ONLINE', startedAt, endGuess } };
}

function placeOf(profile: Profile) {
  return { ...profile, lon: 37.62, lat: 55.75, recorded_at: new Date().toISOString() };
}

server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.send?.({ port: address.port });
});
process.on('disconnect', () => process.exit());
