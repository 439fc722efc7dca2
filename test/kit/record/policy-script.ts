import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Check, EnforcementMode } from '../../../gen/deptrans/v1/diagnostics_pb.ts';
import type { PolicyInForceSchema } from '../../../gen/deptrans/v1/policy_pb.ts';
import type { Script } from './recorder.ts';

type InForce = Exclude<MessageInitShape<typeof PolicyInForceSchema>, { $typeName: string }>;

const isPolicy = ({ frame }: { frame: { case: string | undefined } }) => frame.case === 'policy';

const regions = (steppedBack: boolean) => [
  { region: 'moscow', on: true, tariffs: ['econom', 'business'], steppedBack },
  { region: 'tver', on: false, tariffs: ['econom'] },
];

const watching: InForce = { version: 6n, policy: { maxDataAge: durationFromMs(60_000) }, regions: regions(false) };

/** With every kind of field that a verdict depends on. */
const blocking: InForce = {
  version: 7n,
  policy: {
    maxDataAge: durationFromMs(90_500),
    regions: [
      {
        region: 'moscow',
        endsSoon: durationFromMs(1_800_000),
        rules: [
          {
            check: Check.DEPTRANS_ID,
            mode: EnforcementMode.BLOCK,
            share: 0.1,
            include: { parkIds: ['park-1'] },
            exclude: { driverLicensePdIds: ['boris'] },
            graceAfterBinding: durationFromMs(3_600_000),
            effectiveFrom: { seconds: 1_893_456_000n, nanos: 0 },
          },
          { check: Check.SESSION, mode: EnforcementMode.DEPRIORITISE, categories: ['business'] },
          { check: Check.SESSION, mode: EnforcementMode.WARN, share: 0 },
        ],
      },
    ],
  },
  regions: regions(false),
};

/** The policy among the ids. */
export const policyScript: Script = {
  name: 'policy',
  about:
    'The policy in force: after hello and at each change, as a whole; a region that stepped back, the switch; an instance that is behind; another history, whose policy is older by its number and yet the one in force.',
  stream: 'ids',
  async play(stage) {
    await stage.commit((town) => town.give('anna', 'park-1/anna'));
    await stage.commit((town) => town.give('boris', 'park-1/boris'));
    await stage.open('kit-1');
    await stage.open('kit-2');
    for (const name of ['kit-1', 'kit-2']) stage.enforce(name, watching);
    await stage.watch('kit-1');
    await stage.beat();
    stage.enforce('kit-1', blocking);
    await stage.see(isPolicy);
    await stage.commit((town) => town.bind({ anna: '1' }));
    await stage.see(({ frame }) => frame.case === 'changes');
    stage.enforce('kit-1', { ...blocking, regions: regions(true) });
    await stage.see(isPolicy);
    await stage.beat();
    stage.leave();
    await stage.watch('kit-2', { until: isPolicy });
    await stage.beat();
    stage.enforce('kit-2', { ...blocking, version: 8n, suspended: true });
    await stage.see(isPolicy);
    await stage.beat();
    await stage.quietly((town) => town.nextEpoch());
    await stage.see(({ frame }) => frame.case === 'snapshotEnd');
    stage.enforce('kit-2', { ...watching, version: 2n });
    await stage.see(isPolicy);
    await stage.beat();
  },
};
