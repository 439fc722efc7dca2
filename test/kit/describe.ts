import type { KitConnection, KitCopy, KitHistory, Recording } from './history.ts';
import { COLUMNS, parse, Replayer } from './replay.ts';

/** Replays a recording and says what a consumer holds after each of its frames. Throws where a promise of the stream is broken. */
export function describeRecording({ about, stream, connections }: Recording): KitHistory {
  const replayer = new Replayer(stream);
  const copies = openCopies();
  const described = connections.map(({ regions, cursor, messages, ends }): KitConnection => {
    if (cursor !== replayer.cursor) throw new Error('a connection begins with a cursor that is not held');
    replayer.connect();
    const frames = messages.map((bytes) => {
      const message = parse(stream, bytes);
      replayer.take(message);
      const { complete, cursor } = replayer;
      return { kind: kindOf(message.frame.case!), copy: copies.placeOf(replayer.copy()), complete, cursor };
    });
    return { regions, cursor, frames, ends };
  });
  return { about, stream, columns: COLUMNS[stream], connections: described, copies: copies.all };
}

/** What a history says, whatever the frames that it was cut into: two recordings of one script mean the same. */
export function meaningOf({ stream, connections }: Recording, { copies, connections: described }: KitHistory) {
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
    };
  });
}

/** As the contract writes it. */
function kindOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Copies, each once. */
function openCopies() {
  const all: KitCopy[] = [];
  const places = new Map<string, number>();
  return {
    all,
    placeOf(copy: KitCopy): number {
      const text = JSON.stringify(copy.rows);
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, all.length);
      return all.push(copy) - 1;
    },
  };
}
