import { type DescField, type DescMessage, type JsonValue, type Message, ScalarType } from '@bufbuild/protobuf';
import { parseRfc3339 } from '../domain/driver-status.ts';
import { decodeJsonValue } from './decode.ts';
import { refuse } from './errors.ts';

/**
 * A message from the query of a URL. Fields are named as in the proto or in camel case; a repeated field may come several times, another
 * only once. Bytes are base64 or base64url, timestamps RFC 3339, enums a name or a number. Unknown parameters are passed over, as
 * unknown fields are in every other form.
 */
export function decodeQuery(schema: DescMessage, query: URLSearchParams): Message {
  const json: Record<string, JsonValue> = {};
  for (const field of schema.fields) {
    const values = [
      ...query.getAll(field.name),
      ...(field.jsonName === field.name ? [] : query.getAll(field.jsonName)),
    ];
    if (values.length === 0) continue;
    const parsed = values.map((value) => parseParameter(field, value));
    if (field.fieldKind !== 'list' && parsed.length > 1) throw refuseParameter(field, 'given more than once');
    json[field.name] = field.fieldKind === 'list' ? parsed : parsed[0]!;
  }
  return decodeJsonValue(schema, json);
}

/** Throws if a message cannot be put into a query: at start, not when somebody calls. */
export function assertQueryMessage(schema: DescMessage): void {
  for (const field of schema.fields) {
    const kind = field.fieldKind === 'list' ? field.listKind : field.fieldKind;
    const fits = kind === 'scalar' || kind === 'enum' || field.message?.typeName === 'google.protobuf.Timestamp';
    if (!fits) throw new Error(`${field} cannot be a parameter of a URL`);
  }
}

function parseParameter(field: DescField, text: string): JsonValue {
  const value = toJsonValue(field, text);
  if (value === undefined) throw refuseParameter(field, 'not a value of its type');
  return value;
}

/** The text of a parameter as the JSON of its field. What JSON's own parser would take too freely is undefined. */
function toJsonValue(field: DescField, text: string): JsonValue | undefined {
  if (field.enum) return /^\d{1,9}$/.test(text) ? Number(text) : text;
  if (field.message) return parseRfc3339(text) === undefined ? undefined : text;
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES: {
      // A plus sign that was not escaped reads as a space; no other character of base64 does.
      const base64 = text.replaceAll(' ', '+');
      return /^[\w+/-]*={0,2}$/.test(base64) ? base64 : undefined;
    }
    case ScalarType.BOOL:
      return /^(true|false)$/.test(text) ? text === 'true' : undefined;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return /^-?\d{1,20}(\.\d{1,20})?$/.test(text) ? text : undefined;
    default:
      return /^-?\d{1,20}$/.test(text) ? text : undefined;
  }
}

function refuseParameter({ name }: DescField, description: string) {
  return refuse('REQUEST_MALFORMED', { message: `${name}: ${description}`, fields: [{ field: name, description }] });
}
