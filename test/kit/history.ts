import type { JsonValue } from '@bufbuild/protobuf';
import type { StreamKind } from './replay.ts';

/** What `consumer/kit/NAME.json` says of the frames in `consumer/kit/NAME.frames`; consumer/kit/README.md explains it. */
export type KitHistory = {
  about: string;
  stream: StreamKind;
  /** What the places of a row mean. */
  columns: readonly string[];
  connections: KitConnection[];
  copies: KitCopy[];
  /** Policies that the consumer comes to hold, in JSON as protobuf maps it; absent where none comes. */
  policies?: JsonValue[];
};

export type KitConnection = {
  regions: readonly string[];
  /** With which the consumer connects, as hex: the one that it held. */
  cursor: string;
  frames: KitFrame[];
  /** The status of gRPC with which the server ends the stream; null: the consumer leaves. */
  ends: number | null;
};

/** What holds after a frame. */
export type KitFrame = {
  kind: string;
  /** Which of the copies the consumer has. */
  copy: number;
  /** Whether the copy is whole: equal to a state that the database had. */
  complete: boolean;
  /** The cursor that the consumer holds, as hex. */
  cursor: string;
  /** Which of the policies it holds; absent: none yet. */
  policy?: number;
};

export type KitCopy = {
  rows: Row[];
  /** Buckets that are not empty: number, count, sum as 16 hex digits. */
  digest: [bucket: number, count: number, sum: string][];
};

export type Row = (string | number | boolean | null)[];

/** A history as it was recorded, before anybody says what it means. */
export type Recording = {
  name: string;
  about: string;
  stream: StreamKind;
  connections: { regions: readonly string[]; cursor: string; messages: Uint8Array[]; ends: number | null }[];
};
