import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { PolicyInForceSchema } from '../../gen/deptrans/v1/policy_pb.ts';
import type { KitConnection, KitCopy, KitHistory, Recording } from './history.ts';
import { COLUMNS, parse, Replayer } from './replay.ts';

/** Replays a recording and says what a consumer holds after each of its frames. Throws where a promise of the stream is broken. */
export function describeRecording({ about, stream, connections }: Recording): KitHistory {
  const replayer = new Replayer(stream);
  const copies = openList((copy: KitCopy) => JSON.stringify(copy.rows));
  const policies = openList((policy: JsonValue) => JSON.stringify(policy));
  const described = connections.map(({ regions, cursor, messages, ends }): KitConnection => {
    if (cursor !== replayer.cursor) throw new Error('a connection begins with a cursor that is not held');
    replayer.connect();
    const frames = messages.map((bytes) => {
      const message = parse(stream, bytes);
      replayer.take(message);
      const { complete, cursor, policy } = replayer;
      const held = { copy: copies.placeOf(replayer.copy()), complete, cursor };
      const kind = kindOf(message.frame.case!);
      return { kind, ...held, ...(policy && { policy: policies.placeOf(toJson(PolicyInForceSchema, policy)) }) };
    });
    return { regions, cursor, frames, ends };
  });
  const common = { about, stream, columns: COLUMNS[stream], connections: described, copies: copies.all };
  return policies.all.length > 0 ? { ...common, policies: policies.all } : common;
}

/** What a history says, whatever the frames that it was cut into: two recordings of one script mean the same. */
export function meaningOf(
  { stream, connections }: Recording,
  { copies, policies, connections: described }: KitHistory,
) {
  return connections.map(({ regions, messages, ends }, i) => {
    const frames = messages.map((bytes) => parse(stream, bytes).frame);
    const kinds = frames.map((frame) => {
      if (frame.case === 'hello') return `hello ${frame.value.mode}`;
      return frame.case === 'reset' ? `reset ${frame.value.reason}` : frame.case;
    });
    const whole = described[i]!.frames.filter(({ kind }) => kind === 'snapshot_end' || kind === 'heartbeat');
    return {
      regions,
      ends,
      kinds: kinds.filter((kind, at) => kind !== 'changes' || kinds[at - 1] !== 'changes'),
      copies: whole.map(({ copy }) => copies[copy]!.rows),
      policies: whole.map(({ policy }) => policies?.[policy ?? -1]),
    };
  });
}

/** As the contract writes it. */
function kindOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Things in the order in which they come, each once. */
function openList<T>(textOf: (one: T) => string) {
  const all: T[] = [];
  const places = new Map<string, number>();
  return {
    all,
    placeOf(one: T): number {
      const text = textOf(one);
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, all.length);
      return all.push(one) - 1;
    },
  };
}
