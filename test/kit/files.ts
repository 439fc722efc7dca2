import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KitHistory, Recording } from './history.ts';

export const KIT = join(import.meta.dirname, '../../consumer/kit');

/** The histories that are kept, by name. */
export async function kitNames(): Promise<string[]> {
  const files = await readdir(KIT);
  return files.filter((file) => file.endsWith('.frames')).map((file) => file.slice(0, -'.frames'.length));
}

export async function writeHistory({ name, connections }: Recording, history: KitHistory): Promise<void> {
  const parts = connections.flatMap(({ messages }) => messages.flatMap((message) => [lengthOf(message), message]));
  await writeFile(join(KIT, `${name}.frames`), Buffer.concat(parts));
  await writeFile(join(KIT, `${name}.json`), toText(history));
}

/** A kept history: as it would have been recorded, and what is said of it. */
export async function readHistory(name: string): Promise<{ recording: Recording; history: KitHistory }> {
  const history = JSON.parse(await readFile(join(KIT, `${name}.json`), 'utf8')) as KitHistory;
  const messages = split(await readFile(join(KIT, `${name}.frames`)));
  const { about, stream } = history;
  const connections = history.connections.map(({ regions, cursor, frames, ends }) => ({
    regions,
    cursor,
    messages: messages.splice(0, frames.length),
    ends,
  }));
  if (messages.length > 0) throw new Error(`${name}.frames has more frames than ${name}.json tells of`);
  return { recording: { name, about, stream, connections }, history };
}

function lengthOf(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return length;
}

function split(bytes: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 4 + messages.at(-1)!.length) {
    messages.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at)));
  }
  return messages;
}

/** JSON with a line for each frame and each row: a change of the kit can be read as a difference of lines. */
function toText({ about, stream, columns, connections, copies, policies }: KitHistory): string {
  const list = (items: readonly unknown[], indent: string) =>
    items.length === 0
      ? '[]'
      : `[\n${items.map((item) => `${indent}  ${JSON.stringify(item)}`).join(',\n')}\n${indent}]`;
  const connected = connections.map(
    ({ regions, cursor, frames, ends }) => `    {
      "regions": ${JSON.stringify(regions)},
      "cursor": "${cursor}",
      "frames": ${list(frames, '      ')},
      "ends": ${ends}
    }`,
  );
  const copied = copies.map(
    ({ rows, digest }) => `    {
      "rows": ${list(rows, '      ')},
      "digest": ${JSON.stringify(digest)}
    }`,
  );
  return `{
  "about": ${JSON.stringify(about)},
  "stream": "${stream}",
  "columns": ${JSON.stringify(columns)},
  "connections": [
${connected.join(',\n')}
  ],
  "copies": [
${copied.join(',\n')}
  ]${policies ? `,\n  "policies": ${list(policies, '  ')}` : ''}
}
`;
}
