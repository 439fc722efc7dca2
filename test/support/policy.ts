import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { PolicyInForceSchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { type InForce, inForceOf, textsSchema } from '../../src/enforcement/enforcement.ts';

export const TEXTS = textsSchema.parse(
  JSON.parse(readFileSync(join(import.meta.dirname, '../../config/texts.json'), 'utf8')),
);

type Region = { id: string; on: boolean; tariffs: readonly string[] };
type Shape = Exclude<MessageInitShape<typeof PolicyInForceSchema>, { $typeName: string }>;

/** A policy in force in these regions. */
export function inForceIn(regions: readonly Region[], fields: Shape = {}): InForce {
  return inForceOf(
    create(PolicyInForceSchema, {
      policy: { maxDataAge: durationFromMs(60_000) },
      regions: regions.map(({ id, on, tariffs }) => ({ region: id, on, tariffs: [...tariffs] })),
      ...fields,
    }),
  );
}

/** No policy was ever put. */
export function observing(regions: readonly Region[]): InForce {
  return inForceIn(regions);
}
