import { type CheckResult, Checks } from '../../consumer/checks.ts';
import { Copy } from '../../consumer/copy.ts';
import { readDump } from '../../consumer/dump-reader.ts';
import { writeDump } from '../../consumer/dump-writer.ts';
import { Policies, policyBlockingIn } from '../../consumer/policies.ts';
import { EVERYBODY, type Policy } from '../../verdict/verdict.ts';
import { type BenchDriver, driverOf, personOf, RecordWriter } from './drivers.ts';

/** What holds the records and answers checks: the library's copy, or what one would write first. */
export type Side = {
  /** Takes the records of both feeds of the drivers 1 to `count`. */
  fill(count: number): void;
  /** Whether a driver may take an order in Moscow. */
  check(driver: BenchDriver): boolean;
  /** The same where the policy is rolled out to half of the people. Only the library has it. */
  checkHalf?(driver: BenchDriver): boolean;
  /** Writes a dump and loads it into an empty copy; ms of each by the clock, and of CPU for the load. Only the library has it. */
  dump?(path: string): Promise<{ writeMs: number; loadMs: number; loadCpuMs: number }>;
};

const REGIONS = [{ id: 'moscow', on: true, tariffs: ['econom', 'business'] }];
const ORDER = { region: 'moscow', categories: ['econom'] };

export function librarySide(): Side {
  const copy = new Copy();
  const writer = new RecordWriter();
  const began = performance.now();
  const checksBy = (policy: Policy) => {
    const policies = new Policies();
    policies.put({ ...policy, maxDataAgeMs: 3_600_000 });
    return new Checks({
      copy,
      policies,
      maxAgeMs: 3_600_000,
      onUnknown: 'allow',
      ageMs: () => performance.now() - began,
      now: () => Date.now(),
    });
  };
  const all = policyBlockingIn(REGIONS);
  const half = all.regions.map((region) => ({
    ...region,
    rules: region.rules.map((rule) => ({ ...rule, share: EVERYBODY / 2 })),
  }));
  const checks = checksBy(all);
  const checksOfHalf = checksBy({ ...all, regions: half });
  let last: CheckResult;
  return {
    fill(count) {
      for (let no = 1; no <= count; no++) {
        writer.id(no);
        copy.put('ids', writer.bytes, 0, writer.length);
      }
      for (let no = 1; no <= count; no++) {
        writer.session(no);
        copy.put('statuses', writer.bytes, 0, writer.length);
      }
    },
    check(driver) {
      last = checks.check(driver, ORDER);
      return last.allowed;
    },
    checkHalf(driver) {
      last = checksOfHalf.check(driver, ORDER);
      return last.allowed;
    },
    async dump(path) {
      const place = { epoch: 'e', cursor: '', position: 1, reach: 1 };
      const meta = () => ({ source: 's', exactAtMs: 0, regions: [], feeds: { ids: place, statuses: place } });
      const start = performance.now();
      await writeDump(path, copy, meta, () => true);
      const written = performance.now();
      const cpu = process.cpuUsage();
      const loaded = new Copy();
      await readDump(path, 's', loaded);
      const { user, system } = process.cpuUsage(cpu);
      const end = performance.now();
      if (loaded.rows.count !== copy.rows.count) throw new Error('The dump does not hold what was dumped.');
      return { writeMs: written - start, loadMs: end - written, loadCpuMs: (user + system) / 1_000 };
    },
  };
}

/** A Map of plain objects under `park/driver`, and the same rules. */
export function mapSide(): Side {
  type Held = {
    person: string;
    bound: boolean;
    deptransId: string;
    idUpdated: number;
    idSeq: number;
    status: number;
    updated: number;
    ended: number;
    region: string;
    seq: number;
  };
  const held = new Map<string, Held>();
  const regions = new Map(REGIONS.map((region) => [region.id, region]));
  return {
    fill(count) {
      for (let no = 1; no <= count; no++) {
        const { parkId, driverId } = driverOf(no);
        held.set(`${parkId}/${driverId}`, {
          person: personOf(no),
          bound: true,
          deptransId: String(1_000_000 + no),
          idUpdated: 1.75e15 + no,
          idSeq: no,
          status: 2,
          updated: 1.75e15 + no,
          ended: 2e12 + (no % 40_000),
          region: 'moscow',
          seq: no,
        });
      }
    },
    check({ parkId, driverId }) {
      const record = held.get(`${parkId}/${driverId}`);
      if (!record) return true;
      const region = regions.get(ORDER.region);
      if (!region?.on || !region.tariffs.some((tariff) => ORDER.categories.includes(tariff))) return true;
      return record.bound && record.status === 2 && record.ended > Date.now();
    },
  };
}
