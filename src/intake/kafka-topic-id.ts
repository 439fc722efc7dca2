import type { Cluster } from 'kafkajs';

/**
 * The broker's id of a topic, which changes when the topic is deleted and made again under its name. kafkajs asks for metadata of a
 * version that has no ids, so this asks for version 10 (Kafka 2.8 and later) over kafkajs' own connection.
 *
 * The leader of the partition is asked: it serves a partition only after it knows the topic that the partition is of. So if the id is the same
 * before and after a fetch, the fetch was of that topic.
 */
export async function readTopicId(cluster: Cluster, topic: string, partition: number): Promise<string> {
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
  if (nodeId === undefined) throw new Error('The partition has no leader.');
  const broker = (await cluster.findBroker({ nodeId })) as unknown as Connected;
  return broker.connectionPool.send({ request: metadataRequest(topic), response: { decode: decodeAnswer, parse } });
}

/** The part of a kafkajs broker that its types do not name. */
type Connected = { connectionPool: { send(call: { request: object; response: object }): Promise<string> } };

const metadataKey = 3;
const flexibleVersion = 10;

function metadataRequest(topic: string) {
  const name = Buffer.from(topic);
  const payload = Buffer.concat([
    tagless, // of the request's header
    unsigned(1 + 1), // one topic
    Buffer.alloc(16), // no id: by name
    unsigned(name.length + 1),
    name,
    tagless,
    Buffer.from([0, 0, 0]), // do not create the topic; no authorized operations, twice
    tagless,
  ]);
  return {
    apiKey: metadataKey,
    apiVersion: flexibleVersion,
    apiName: 'Metadata',
    encode: () => Promise.resolve({ buf: payload, buffer: payload, size: () => payload.length }),
  };
}

const tagless = Buffer.from([0]);

/** Metadata response, version 10, as far as the id of the first topic. */
function decodeAnswer(bytes: Buffer): Promise<{ errorCode: number; topicId: string }> {
  const reader = readerOf(bytes);
  reader.skipTags();
  reader.skip(4); // throttle time
  for (let brokers = reader.unsigned() - 1; brokers > 0; brokers--) {
    reader.skip(4);
    reader.skipText();
    reader.skip(4);
    reader.skipText();
    reader.skipTags();
  }
  reader.skipText(); // cluster
  reader.skip(4); // controller
  if (reader.unsigned() - 1 !== 1) throw new Error('The broker named no topic.');
  const errorCode = reader.skip(2).readInt16BE();
  reader.skipText();
  return Promise.resolve({ errorCode, topicId: reader.skip(16).toString('hex') });
}

function parse({ errorCode, topicId }: { errorCode: number; topicId: string }): Promise<string> {
  if (errorCode !== 0) throw new Error(`The broker gave no topic id, error ${errorCode}.`);
  return Promise.resolve(topicId);
}

/** Unsigned varint, as Kafka's flexible versions write lengths. */
function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function readerOf(bytes: Buffer) {
  let at = 0;
  const skip = (length: number) => {
    if (at + length > bytes.length) throw new RangeError('The answer of the broker breaks off.');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const readUnsigned = () => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = skip(1)[0]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('A length in the answer of the broker is none.');
  };
  return {
    skip,
    unsigned: readUnsigned,
    /** Length + 1, 0 = null. */
    skipText: () => skip(Math.max(0, readUnsigned() - 1)),
    skipTags() {
      for (let tags = readUnsigned(); tags > 0; tags--) {
        readUnsigned();
        skip(readUnsigned());
      }
    },
  };
}
