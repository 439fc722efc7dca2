import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { commentOf } from './comments.ts';

export type Schema = Record<string, unknown>;

const INTEGERS: Partial<Record<ScalarType, [number, number]>> = {
  [ScalarType.INT32]: [-(2 ** 31), 2 ** 31 - 1],
  [ScalarType.SINT32]: [-(2 ** 31), 2 ** 31 - 1],
  [ScalarType.SFIXED32]: [-(2 ** 31), 2 ** 31 - 1],
  [ScalarType.UINT32]: [0, 2 ** 32 - 1],
  [ScalarType.FIXED32]: [0, 2 ** 32 - 1],
};

/** The schemas of messages and enums as the REST paths write them, collected under the names of the contract while they are referred to. */
export function openSchemas() {
  const components: Record<string, Schema> = {};

  const refer = (type: DescMessage | DescEnum): Schema => {
    if (!components[type.typeName]) {
      components[type.typeName] = {}; // a message may hold itself
      components[type.typeName] = type.kind === 'enum' ? enumSchema(type) : messageSchema(type);
    }
    return { $ref: `#/components/schemas/${type.typeName}` };
  };

  /** Every field without presence is written, whatever it holds. */
  const messageSchema = (message: DescMessage): Schema => {
    const always = message.fields.filter(
      (field) => field.fieldKind !== 'message' && !field.oneof && field.presence === 2,
    );
    return {
      ...described(message),
      type: 'object',
      properties: Object.fromEntries(message.fields.map((field) => [field.name, fieldSchema(field)])),
      ...(always.length > 0 && { required: always.map(({ name }) => name) }),
    };
  };

  const valueSchema = (type: { scalar?: ScalarType; enum?: DescEnum; message?: DescMessage }): Schema => {
    if (type.enum) return refer(type.enum);
    if (type.message) {
      if (type.message.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
      if (type.message.typeName === 'google.protobuf.Duration')
        return { type: 'string', pattern: '^-?\\d+(\\.\\d+)?s$' };
      return refer(type.message);
    }
    return scalarSchema(type.scalar!);
  };

  const fieldSchema = (field: DescField): Schema => {
    const value = valueSchema(field as never);
    const schema =
      field.fieldKind === 'list'
        ? { type: 'array', items: value }
        : field.fieldKind === 'map'
          ? { type: 'object', additionalProperties: value }
          : value;
    const comment = commentOf(field);
    return comment ? { ...schema, description: comment } : schema;
  };

  return { components, refer, fieldSchema };
}

function enumSchema(type: DescEnum): Schema {
  return { ...described(type), type: 'string', enum: type.values.map(({ name }) => name) };
}

function scalarSchema(scalar: ScalarType): Schema {
  const range = INTEGERS[scalar];
  if (range) return { type: 'integer', minimum: range[0], maximum: range[1] };
  switch (scalar) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', pattern: '^[A-Za-z0-9_-]*$' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    default:
      return { type: 'string', pattern: '^-?\\d+$' }; // 64 bits do not fit into a number of JSON
  }
}

function described(type: DescMessage | DescEnum): Schema {
  const comment = commentOf(type);
  return comment ? { description: comment } : {};
}
