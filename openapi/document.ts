import type { DescField, DescMethod } from '@bufbuild/protobuf';
import { ACTIONS, ERROR_REASONS, type Reason } from '../src/api/error-reasons.ts';
import { routesOf } from '../src/api/transcoding.ts';
import { commentOf } from './comments.ts';
import { openSchemas, type Schema } from './schemas.ts';

/**
 * The REST paths as OpenAPI 3.1, made of the contract alone: paths and verbs from the `google.api.http` rules, schemas from the messages, texts
 * from the comments, statuses from the table of reasons. `methods` must come from descriptors with comments.
 */
export function makeDocument(methods: readonly DescMethod[]) {
  const { components, refer, fieldSchema } = openSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { verb, path, method } of routesOf(methods)) {
    const comment = commentOf(method) ?? '';
    paths[path] ??= {};
    paths[path][verb.toLowerCase()] = {
      operationId: `${method.parent.name}_${method.name}`,
      tags: [method.parent.name],
      summary: comment.split(/(?<=\.)\s/, 1)[0],
      description: comment,
      security: isForDrivers(method) ? [{ token: [] }, { park: [], driver: [] }] : [{ token: [] }],
      ...(verb === 'GET'
        ? { parameters: method.input.fields.map((field) => parameterOf(field, fieldSchema(field))) }
        : { requestBody: bodyOf(requestSchema(method, fieldSchema)) }),
      responses: {
        200: { description: 'The answer', content: { 'application/json': { schema: refer(method.output) } } },
        ...refusals(),
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'deptrans-driver-status-integration',
      version: 'v1',
      description:
        'Government ids and shifts of drivers. Every refusal has a stable reason; answers may gain fields and reasons, so pass over what you do not know.',
    },
    paths,
    components: { schemas: { ...sorted(components), Refusal: refusalSchema() }, securitySchemes: SECURITY },
  };
}

/** The driver's app comes through a gateway that says who the driver is. */
const SECURITY = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  park: { type: 'apiKey', in: 'header', name: 'X-YaTaxi-Park-Id' },
  driver: { type: 'apiKey', in: 'header', name: 'X-YaTaxi-Driver-Profile-Id' },
};

const isForDrivers = (method: DescMethod) => method.parent.name === 'DriverIdService';

function parameterOf(field: DescField, { description, ...schema }: Schema) {
  return { name: field.name, in: 'query', required: false, ...(description !== undefined && { description }), schema };
}

/** All fields may be left out of a request: then they hold their defaults. */
function requestSchema(method: DescMethod, fieldSchema: (field: DescField) => Schema): Schema {
  const properties = Object.fromEntries(method.input.fields.map((field) => [field.name, fieldSchema(field)]));
  return { type: 'object', properties };
}

const bodyOf = (schema: Schema) => ({ required: true, content: { 'application/json': { schema } } });

/** One response for each status, with the reasons that have it. Beside ours: a deadline of the listener, headers that are too long. */
function refusals(): Record<string, unknown> {
  const byStatus = new Map<number, Reason[]>();
  for (const reason of Object.keys(ERROR_REASONS) as Reason[]) {
    const { http } = ERROR_REASONS[reason];
    byStatus.set(http, [...(byStatus.get(http) ?? []), reason]);
  }
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } };
  const statuses = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    statuses.map(([status, reasons]) => [
      status,
      {
        description: `Refused: ${reasons.join(', ')}`,
        ...(reasons.some((reason) => 'retryAfterMs' in ERROR_REASONS[reason]) && { headers: RETRY_AFTER }),
        content,
      },
    ]),
  );
}

const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds after which the next try is welcome',
    schema: { type: 'integer', minimum: 0 },
  },
};

function refusalSchema(): Schema {
  const text = { type: 'string' };
  return {
    description: 'Why nothing was done. Tell callers apart by `reason`, never by `message`.',
    type: 'object',
    properties: {
      code: { ...text, description: 'The code of the RPC, in snake case' },
      reason: { ...text, description: 'Stable; one of ErrorReason, without the prefix' },
      text: { ...text, description: 'For the driver, in Russian or, by Accept-Language, in English' },
      action: { ...text, enum: [...ACTIONS], description: 'What may help' },
      action_url: { ...text, format: 'uri', description: 'Where the app finds that, if it is configured' },
      message: { ...text, description: 'For developers; it may change' },
      details: {
        type: 'array',
        description: 'google.rpc messages: ErrorInfo, BadRequest, RetryInfo, LocalizedMessage',
        items: { type: 'object', properties: { '@type': text }, required: ['@type'] },
      },
    },
    required: ['code', 'message', 'details'],
  };
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
