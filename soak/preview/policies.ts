import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Policy, PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';

const id = { check: 'CHECK_DEPTRANS_ID', mode: 'ENFORCEMENT_MODE_BLOCK' };
const session = { check: 'CHECK_SESSION', mode: 'ENFORCEMENT_MODE_BLOCK' };
const parks = (...numbers: number[]) => ({ parkIds: numbers.map((no) => `park-${no}`) });

/** What is asked about and then put, each with rules of its own for two regions: together all that a rule can say of whom it is for. */
export const POLICIES: readonly { name: string; policy: Policy }[] = [
  {
    name: 'one in ten by both checks, with grace | all but three parks',
    policy: policyOf({
      moscow: [
        { ...id, share: 0.1 },
        { ...session, share: 0.1, graceAfterBinding: '3600s' },
      ],
      tver: [{ ...session, exclude: parks(1, 2, 3) }],
    }),
  },
  {
    name: 'half of the people, but for parks, and the shift by one tariff | a third of the people',
    policy: policyOf({
      moscow: [
        { ...id, share: 0.5, exclude: parks(4, 5) },
        { ...session, categories: ['business'] },
      ],
      tver: [{ ...session, share: 0.3333, graceAfterBinding: '7200s' }, { ...id }],
    }),
  },
  {
    name: 'a check by each tariff, with shares | a zone of parks',
    policy: policyOf({
      moscow: [
        { ...id, categories: ['econom'], share: 0.6 },
        { ...session, categories: ['business'], share: 0.4, graceAfterBinding: '3600s' },
      ],
      tver: [{ ...session, share: 0, include: parks(6, 7, 8) }],
    }),
  },
];

function policyOf(rules: Record<string, JsonObject[]>): Policy {
  const regions = Object.entries(rules).map(([region, its]) => ({ region, rules: its }));
  return fromJson(PolicySchema, { regions });
}
