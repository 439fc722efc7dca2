import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type PolicyInForce, PolicyInForceSchema } from '../gen/deptrans/v1/policy_pb.ts';
import { policyFromContract } from '../verdict/from-contract.ts';
import { type CompiledPolicy, compilePolicy, NOBODY, type Policy, type Rule } from '../verdict/verdict.ts';

/** The policy by which checks are judged: one value, replaced whole. The last one is kept while nobody can be reached. */
export class Policies {
  /** Before any came: no region requires anything. */
  compiled: CompiledPolicy = compilePolicy(policyFromContract(create(PolicyInForceSchema)));
  #bytes: Uint8Array = new Uint8Array();
  #epoch = '';

  /** Takes the policy that came in a stream. An instance may be behind another: within one history no version follows a newer one. */
  take(message: PolicyInForce, epoch: string): void {
    if (epoch === this.#epoch && Number(message.version) < this.compiled.policy.version) return;
    this.#epoch = epoch;
    this.#bytes = toBinary(PolicyInForceSchema, message);
    this.compiled = compilePolicy(policyFromContract(message));
  }

  /** The history was replaced: whatever comes next is in force, also if its number is smaller. */
  leaveHistory(): void {
    this.#epoch = '';
  }

  /** As a dump keeps it; empty if none came. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Goes on with what a dump kept. */
  adopt(bytes: Uint8Array, epoch: string): void {
    if (bytes.length > 0) this.take(fromBinary(PolicyInForceSchema, bytes), epoch);
  }

  /** A policy of one's own, for tests. */
  put(policy: Policy): void {
    this.compiled = compilePolicy(policy);
  }
}

/** Where the checks are required, and for which tariffs. */
export type Region = { readonly id: string; readonly on: boolean; readonly tariffs: readonly string[] };

/** A policy under which both checks block everybody in these regions, for tests of those who use the library. */
export function policyBlockingIn(regions: readonly Region[]): Policy {
  const rule = {
    categories: [],
    mode: 'block',
    from: 0,
    share: 10_000,
    include: NOBODY,
    exclude: NOBODY,
    graceMs: 0,
  } as const;
  const rules: Rule[] = [
    { ...rule, check: 'deptrans_id' },
    { ...rule, check: 'session' },
  ];
  return {
    version: 1,
    suspended: false,
    maxDataAgeMs: 60_000,
    regions: regions.map((region) => ({ ...region, steppedBack: false, endsSoonMs: 0, rules })),
  };
}
