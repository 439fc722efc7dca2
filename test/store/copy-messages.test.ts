import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCopyMessages } from '../../src/store/copy-messages.ts';

const message = (kind: string, body: string) => {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
  bytes.write(kind, 'latin1');
  bytes.writeInt32BE(bytes.length - 1, 1);
  bytes.write(body, 5);
  return bytes;
};

/** What comes out of a stream that is cut at these places. */
function read(stream: Buffer, cuts: readonly number[]) {
  const rows: string[] = [];
  const others: string[] = [];
  let after: Buffer | null = null;
  const messages = openCopyMessages(
    (bytes, from, to) => rows.push(bytes.toString('utf8', from, to)),
    (bytes) => others.push(bytes.toString('utf8', 0, 1) + bytes.toString('utf8', 5)),
  );
  const places = [0, ...cuts.map((cut) => cut % stream.length).toSorted((a, b) => a - b), stream.length];
  for (let i = 1; i < places.length; i++) {
    const part = stream.subarray(places[i - 1], places[i]);
    after = after === null ? messages.read(part) : Buffer.concat([after, part]);
  }
  return { rows, others, after: after?.toString('utf8') ?? null };
}

test('wherever the stream is cut, each row comes whole, and what is not of the copy goes to others', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('d', 'd', 'd', 'N', 'S'), fc.string({ unit: 'grapheme', maxLength: 20 })), {
        maxLength: 12,
      }),
      fc.constantFrom('c', 'E'),
      fc.array(fc.nat(10_000), { maxLength: 40 }),
      (parts, end, cuts) => {
        const stream = Buffer.concat([
          message('H', 'form'),
          ...parts.map(([kind, body]) => message(kind, body)),
          message(end, 'end'),
          message('Z', 'I'),
        ]);
        const told = parts.filter(([kind]) => kind !== 'd').map(([kind, body]) => kind + body);
        expect(read(stream, cuts)).toEqual({
          rows: parts.filter(([kind]) => kind === 'd').map(([, body]) => body),
          others: end === 'E' ? [...told, 'Eend'] : told,
          after: message('Z', 'I').toString('utf8'),
        });
      },
    ),
    { seed: 1 },
  );
});
