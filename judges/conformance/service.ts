import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectError, type HandlerContext } from '@connectrpc/connect';
import { refuseWithCode } from '../../src/api/errors.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/** What the suite's messages have in common; their code is generated when the judge runs. */
type Header = { name: string; value: string[] };
type Fault = { code: number; message?: string; details: Any[] };
type Unary = {
  responseHeaders: Header[];
  responseTrailers: Header[];
  responseDelayMs: number;
  response: { case?: string; value?: unknown };
};
type Streamed = {
  responseHeaders: Header[];
  responseTrailers: Header[];
  responseDelayMs: number;
  responseData: Uint8Array[];
  error?: Fault;
};
type Request<Definition> = Message & { responseDefinition?: Definition; fullDuplex?: boolean };

/** The suite's own service, as it asks to be implemented. `schemas`: the types of the request and of what it is told of. */
export function conformanceService(info: DescMessage, schemaOf: (name: string) => DescMessage) {
  const pack = (request: Message) => anyPack(schemaOf(request.$typeName.split('.').at(-1)!), request);
  const told = ({ requestHeader, timeoutMs }: HandlerContext, requests: Message[]) => {
    const timeout = timeoutMs();
    return create(info, {
      requestHeaders: [...requestHeader].map(([name, value]) => ({ name, value: value.split(/,\s*/) })),
      requests: requests.map(pack),
      ...(timeout !== undefined && { timeoutMs: BigInt(Math.ceil(timeout)) }),
    } as never);
  };
  const fail = (fault: Fault, details: Message[]): ConnectError => {
    const error = refuseWithCode((fault.code || Code.Unknown) as Code, fault.message ?? '');
    error.details.push(...fault.details.map((any) => ({ type: any.typeUrl.split('/').at(-1)!, value: any.value })));
    error.details.push(...details.map((value) => ({ desc: info, value: value as never })));
    return error;
  };
  const append = (target: Headers, headers: readonly Header[] = []) => {
    for (const { name, value } of headers) for (const one of value) target.append(name, one);
  };
  const unary = async (requests: Request<Unary>[], context: HandlerContext) => {
    const definition = requests.find(({ responseDefinition }) => responseDefinition)?.responseDefinition;
    const requestInfo = told(context, requests);
    append(context.responseHeader, definition?.responseHeaders);
    append(context.responseTrailer, definition?.responseTrailers);
    await systemClock.sleep(definition?.responseDelayMs ?? 0, context.signal);
    context.signal.throwIfAborted();
    const { response } = definition ?? { response: {} as Unary['response'] };
    if (response.case === 'error') throw fail(response.value as Fault, [requestInfo]);
    return { payload: { data: (response.value as Uint8Array) ?? new Uint8Array(), requestInfo } };
  };
  /** The responses of a definition from `sent` on. The first one tells all that was asked. */
  async function* respond(definition: Streamed, requests: Message[], context: HandlerContext) {
    let sent = 0;
    for (const data of definition.responseData) {
      await systemClock.sleep(definition.responseDelayMs, context.signal);
      context.signal.throwIfAborted();
      yield { payload: { data, ...(sent++ === 0 && { requestInfo: told(context, requests) }) } };
    }
    if (definition.error) throw fail(definition.error, sent === 0 ? [told(context, requests)] : []);
  }
  async function* duplex(stream: AsyncIterable<Request<Streamed>>, context: HandlerContext) {
    const all: Request<Streamed>[] = [];
    let definition: Streamed | undefined;
    let sent = 0;
    for await (const request of stream) {
      if (all.length === 0) {
        definition = request.responseDefinition;
        append(context.responseHeader, definition?.responseHeaders);
        append(context.responseTrailer, definition?.responseTrailers);
      }
      all.push(request);
      if (!all[0]!.fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (!data) break;
      await systemClock.sleep(definition?.responseDelayMs ?? 0, context.signal);
      context.signal.throwIfAborted();
      yield { payload: { data, requestInfo: told(context, sent++ === 0 ? all : [request]) } };
    }
    if (!definition) return;
    const rest = { ...definition, responseData: definition.responseData.slice(sent) };
    if (sent === 0) return yield* respond(rest, all, context);
    for (const data of rest.responseData) yield { payload: { data } };
    if (definition.error) throw fail(definition.error, []);
  }
  return {
    unary: (request: Request<Unary>, context: HandlerContext) => unary([request], context),
    idempotentUnary: (request: Request<Unary>, context: HandlerContext) => unary([request], context),
    async clientStream(stream: AsyncIterable<Request<Unary>>, context: HandlerContext) {
      const requests: Request<Unary>[] = [];
      for await (const request of stream) requests.push(request);
      return unary(requests, context);
    },
    async *serverStream(request: Request<Streamed>, context: HandlerContext) {
      const { responseDefinition: definition } = request;
      append(context.responseHeader, definition?.responseHeaders);
      append(context.responseTrailer, definition?.responseTrailers);
      if (definition) yield* respond(definition, [request], context);
    },
    bidiStream: duplex,
    unimplemented() {
      throw refuseWithCode(Code.Unimplemented, 'unimplemented');
    },
  };
}
