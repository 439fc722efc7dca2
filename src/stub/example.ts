import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';

const MAX_DEPTH = 4;

/** A message with something in every field, made of its descriptor: what the stub answers where nothing depends on the values. */
export function exampleOf(type: DescMessage, depth = 0): Message {
  if (type.typeName === 'google.protobuf.Timestamp') return create(type, { seconds: 1_767_225_600n });
  if (type.typeName === 'google.protobuf.Duration') return create(type, { seconds: 60n });
  const message: Record<string, unknown> = {};
  const chosen = new Set<string>();
  for (const field of type.fields) {
    const value = fieldOf(field, depth);
    if (value === undefined) continue;
    if (!field.oneof) message[field.localName] = value;
    else if (!chosen.has(field.oneof.localName)) {
      chosen.add(field.oneof.localName);
      message[field.oneof.localName] = { case: field.localName, value };
    }
  }
  return create(type, message as never);
}

function fieldOf(field: DescField, depth: number): unknown {
  if (field.message && depth >= MAX_DEPTH) return undefined;
  const one = field.message
    ? exampleOf(field.message, depth + 1)
    : field.enum
      ? (field.enum.values[1] ?? field.enum.values[0])!.number
      : scalarOf(field.scalar!, field.name);
  if (field.fieldKind === 'list') return [one];
  return field.fieldKind === 'map' ? { example: one } : one;
}

function scalarOf(scalar: ScalarType, name: string): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return name.endsWith('token') ? '' : `example ${name.replaceAll('_', ' ')}`;
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return new Uint8Array([1, 2, 3]);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1n;
    default:
      return 1;
  }
}
