import { createServer, type ServerResponse } from 'node:http';
import pg from 'pg';

/**
 * The brief's way to hand out sessions, a process of its own (started with `fork`): each poll asks the database for what changed after a time,
 * by an index on `updated_at`, and answers JSON. Argument: the database. Sends `{ port }` when it listens and `{ cpuMs }` when asked; ends
 * when the parent goes.
 */
const [databaseUrl = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 });
const RECORD = `p.park_id, p.driver_id, s.driver_license_pd_id, s.session_status, (extract(epoch from s.updated_at) * 1000000)::float8 as updated_us,
  s.ended_at, s.region, s.seq::float8 as seq, s.person_no from deptrans.session_statuses s join deptrans.driver_persons p using (person_no)`;
const NEWER = `select ${RECORD} where s.updated_at > to_timestamp($1::float8 / 1000000) order by s.updated_at`;
const PAGE = `select ${RECORD} where s.person_no > $1 order by s.person_no limit 10000`;

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const after = Number(searchParams.get('after'));
  void answer(response, pathname === '/all' ? PAGE : NEWER, after);
});

async function answer(response: ServerResponse, statement: string, after: number): Promise<void> {
  const { rows } = await pool.query(statement, [after]);
  const body = JSON.stringify({ records: rows });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.send?.({ port: address.port });
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
process.on('disconnect', () => process.exit());
