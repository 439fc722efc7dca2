import {
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  type JsonObject,
  type Message,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { http } from '../../gen/google/api/annotations_pb.ts';
import type { HttpRule } from '../../gen/google/api/http_pb.ts';
import { assertQueryMessage } from './transcoding-query.ts';

/**
 * The REST paths, made of the contract's `google.api.http` rules: which method answers on which path, and how messages look there.
 *
 * GET takes its message from the query, POST from a JSON body. Answers are JSON with the proto's field names, every field of the message
 * present, and bytes in base64url, so that a cursor can be put into the next URL as it is. Rules with path templates, bodies of one field
 * or other verbs are refused at start: the contract has none.
 */
export type Route = {
  verb: 'GET' | 'POST';
  path: string;
  method: DescMethod;
};

/** The routes of the methods. Throws for a rule that is not supported, and for two rules of one path and verb. */
export function routesOf(methods: readonly DescMethod[]): Route[] {
  const routes = methods
    .filter((method) => hasOption(method, http))
    .map((method) => routeOf(method, getOption(method, http)));
  const names = routes.map(({ verb, path }) => `${verb} ${path}`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw new Error(`Two methods answer ${twice}`);
  return routes;
}

function routeOf(method: DescMethod, { pattern, body, responseBody, additionalBindings }: HttpRule): Route {
  const verb = pattern.case === 'get' ? 'GET' : pattern.case === 'post' ? 'POST' : undefined;
  const path = typeof pattern.value === 'string' ? pattern.value : '';
  const plain = /^(\/[\w.-]+)+$/.test(path) && responseBody === '' && additionalBindings.length === 0;
  if (!verb || !plain || body !== (verb === 'POST' ? '*' : '') || method.methodKind !== 'unary') {
    throw new Error(`The http rule of ${method.parent.typeName}.${method.name} is of a kind that is not supported`);
  }
  if (verb === 'GET') assertQueryMessage(method.input);
  return { verb, path, method };
}

/** An answer as JSON. */
export function toRestJson(schema: DescMessage, message: Message): JsonObject {
  const json = toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;
  for (const { scalar, fieldKind, name } of schema.fields) {
    const value = json[name];
    if (fieldKind === 'scalar' && scalar === ScalarType.BYTES && typeof value === 'string') {
      json[name] = value.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
    }
  }
  return json;
}
