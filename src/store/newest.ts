import type { Db } from './database.ts';
import { runPrepared } from './prepared.ts';

/** What enforcement goes by, as numbers and names: enough to tell whether anything has changed. */
export type Newest = {
  /** The version of the policy; 0 if none was ever put. */
  policy: number;
  /** The version of the rules of reporting; 0 = there are none yet. */
  rules: number;
  /** Regions that have stepped back everywhere. */
  steppedBack: string[];
};

const NEWEST = {
  name: 'policies.newest',
  text: `/* policies.newest */
    select coalesce((select max(version) from deptrans.policies), 0)::bigint as policy,
           coalesce((select max(version) from deptrans.reporting_rules), 0)::bigint as rules,
           array(select distinct region from deptrans.step_backs where to_at is null order by region) as "steppedBack"`,
};

/** In one statement: every instance asks several times a second. */
export async function readNewest(db: Db): Promise<Newest> {
  return (await runPrepared<Newest>(db, NEWEST, []))[0]!;
}
