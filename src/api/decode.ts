import {
  type DescMessage,
  fromBinary,
  fromJson,
  fromJsonString,
  type JsonValue,
  type Message,
  type Registry,
} from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { refuse } from './errors.ts';

/** A message from its binary form. Refuses what is not one. */
export function decodeBinary(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch {
    throw refuse('REQUEST_MALFORMED', { message: `The body is not a ${schema.typeName}` });
  }
}

/** A message from JSON text, in either form of the field names. Unknown fields are passed over, as in the binary form. */
export function decodeJson(schema: DescMessage, bytes: Uint8Array, registry?: Registry): Message {
  const text = decodeUtf8(bytes);
  return refuseUnfit(schema, () =>
    fromJsonString(schema, text, { ignoreUnknownFields: true, ...(registry && { registry }) }),
  );
}

/** A message from a JSON value. */
export function decodeJsonValue(schema: DescMessage, json: JsonValue): Message {
  return refuseUnfit(schema, () => fromJson(schema, json, { ignoreUnknownFields: true }));
}

/** The parser's own text quotes the value it choked on: only the field's name is passed on. */
function refuseUnfit(schema: DescMessage, parse: () => Message): Message {
  try {
    return parse();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!isFieldError(cause))
      throw refuse('REQUEST_MALFORMED', { message: `The body is not JSON of a ${schema.typeName}` });
    const field = cause.field().name;
    throw refuse('REQUEST_MALFORMED', {
      message: `${field}: not a value of its type`,
      fields: [{ field, description: 'not a value of its type' }],
    });
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse('REQUEST_MALFORMED', { message: 'The body is not UTF-8' });
  }
}
