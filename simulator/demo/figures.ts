import pg from 'pg';

/** What the service's own tables say, read from beside it. */
export type Figures = {
  /** Changes that wait, parked ones apart. */
  waiting: number;
  parked: number;
  /** Open sessions. */
  sessions: number;
  /** Accounts that somebody works on, doubts, or has yet to look at now, and changes of licence to ask about now. */
  busy: number;
  /** Where events ended or wait, and what is missing from the sum (0). */
  balance: Record<string, number>;
};

/** The region was switched on or off, and when. */
export type Switch = { on: boolean; atMs: number };

export type FigureReader = AsyncDisposable & {
  read(): Promise<Figures>;
  /** How the region was switched, the earliest first. */
  switches(): Promise<Switch[]>;
};

const QUEUE = `
  select count(*) filter (where r.parked_reason is null)::int as waiting, count(*) filter (where r.parked_reason is not null)::int as parked,
         count(*) filter (where q.carries_event)::int as carried,
         count(*) filter (where q.carries_event and r.parked_reason is not null)::int as carried_parked
    from deptrans.status_queue q
    left join deptrans.driver_persons p using (park_id, driver_id)
    left join deptrans.profiles b using (driver_license_pd_id)
    left join deptrans.reports r using (deptrans_id)`;
const SESSIONS = `
  select count(*)::int as sessions from deptrans.session_statuses where session_status in ('issued', 'online') and not deleted`;
const BUSY = `
  select (select count(*) from deptrans.reports where lease_token is not null or doubt or due_at <= deptrans.now())::int
       + (select count(*) from deptrans.licence_changes where due_at <= deptrans.now())::int as busy`;
const BALANCE = `
  select outcome, sum(n)::int as n from deptrans.balance group by 1
  union all select 'taken', coalesce(sum(taken), 0)::int from deptrans.topic_offsets`;
const SWITCHES = `
  select (extract(epoch from created_at) * 1000)::float8 as "atMs", jsonb_path_exists(rules, '$[*] ? (@.on == true)') as on
    from deptrans.reporting_rules order by version`;

export async function openFigures(databaseUrl: string): Promise<FigureReader> {
  const client = new pg.Client(databaseUrl);
  client.on('error', () => {}); // the next reading says it
  await client.connect();
  const one = async (statement: string) => (await client.query(statement)).rows[0];
  return {
    async read() {
      await client.query('begin isolation level repeatable read read only');
      const { waiting, parked, carried, carried_parked: carriedParked } = await one(QUEUE);
      const { sessions } = await one(SESSIONS);
      const { busy } = await one(BUSY);
      const outcomes = (await client.query<{ outcome: string; n: number }>(BALANCE)).rows;
      await client.query('commit');
      const { taken = 0, ...ended } = Object.fromEntries(outcomes.map(({ outcome, n }) => [outcome, n]));
      const balance = { taken, ...ended, pending: carried - carriedParked, parked: carriedParked };
      const out = Object.values(balance).reduce((sum, n) => sum + n, 0) - taken;
      return { waiting, parked, sessions, busy, balance: { ...balance, missing: taken - out } };
    },
    switches: async () => (await client.query<Switch>(SWITCHES)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
