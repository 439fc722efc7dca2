import { type DescFile, type DescMessage, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import type { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';

/**
 * gRPC server reflection over the generated descriptors, so that `buf curl` and `grpcurl` need no schema. It answers for the services
 * given and every file they depend on, and for further `files`: those of the details of errors, which no service names. What it does not find is an answer with NOT_FOUND within the stream; the stream goes on.
 *
 * The messages of v1 and v1alpha are the same, so one implementation serves both.
 */
export function openReflectionService(
  services: readonly DescService[],
  files: readonly DescFile[] = [],
): ServiceImpl<typeof ServerReflection> {
  const index = indexFiles([...services.map(({ file }) => file), ...files]);
  const names = services.map(({ typeName }) => ({ name: typeName })).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    async *serverReflectionInfo(requests) {
      const sent = new Set<DescFile>();
      for await (const originalRequest of requests) {
        yield {
          originalRequest,
          validHost: originalRequest.host,
          messageResponse: answer(originalRequest.messageRequest),
        };

        function answer(request: typeof originalRequest.messageRequest) {
          switch (request.case) {
            case 'listServices':
              return { case: 'listServicesResponse', value: { service: names } } as const;
            case 'fileByFilename':
              return filesResponse(index.byName.get(request.value), sent);
            case 'fileContainingSymbol':
              return filesResponse(index.bySymbol.get(request.value), sent);
            case 'fileContainingExtension': {
              const { containingType, extensionNumber } = request.value;
              return filesResponse(index.extensions.get(containingType)?.get(extensionNumber), sent);
            }
            case 'allExtensionNumbersOfType': {
              const numbers = index.extensions.get(request.value);
              if (!numbers && !index.bySymbol.has(request.value)) return notFound();
              const value = { baseTypeName: request.value, extensionNumber: [...(numbers?.keys() ?? [])] };
              return { case: 'allExtensionNumbersResponse', value } as const;
            }
            case undefined:
              return failure(Code.InvalidArgument, 'The request asks nothing');
            default:
              return request satisfies never;
          }
        }
      }
    },
  };
}

type Index = {
  byName: Map<string, DescFile>;
  bySymbol: Map<string, DescFile>;
  /** By the extended message, then by number. */
  extensions: Map<string, Map<number, DescFile>>;
};

function indexFiles(roots: readonly DescFile[]): Index {
  const index: Index = { byName: new Map(), bySymbol: new Map(), extensions: new Map() };
  for (const file of roots.flatMap(withDependencies)) {
    if (index.byName.has(file.proto.name)) continue;
    index.byName.set(file.proto.name, file);
    for (const symbol of symbolsOf(file)) index.bySymbol.set(symbol, file);
    for (const { extendee, number } of file.extensions) {
      const numbers = index.extensions.get(extendee.typeName) ?? new Map();
      index.extensions.set(extendee.typeName, numbers.set(number, file));
    }
  }
  return index;
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const message of file.messages) yield* messageSymbols(message);
  for (const { typeName, values } of file.enums) {
    yield typeName;
    // Values are named beside their enum, not within it.
    for (const { name } of values) yield typeName.replace(/[^.]+$/, name);
  }
  for (const { typeName } of file.extensions) yield typeName;
  for (const { typeName, methods } of file.services) {
    yield typeName;
    for (const { name } of methods) yield `${typeName}.${name}`;
  }
}

function* messageSymbols(message: DescMessage): Generator<string> {
  yield message.typeName;
  for (const { name } of [...message.fields, ...message.oneofs]) yield `${message.typeName}.${name}`;
  for (const { typeName } of [...message.nestedEnums, ...message.nestedExtensions]) yield typeName;
  for (const { values, typeName } of message.nestedEnums) {
    for (const { name } of values) yield typeName.replace(/[^.]+$/, name);
  }
  for (const nested of message.nestedMessages) yield* messageSymbols(nested);
}

function withDependencies(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withDependencies)];
}

const encoded = new WeakMap<DescFile, Uint8Array>();

function encode(file: DescFile): Uint8Array {
  const known = encoded.get(file);
  if (known) return known;
  const bytes = toBinary(FileDescriptorProtoSchema, file.proto);
  encoded.set(file, bytes);
  return bytes;
}

/** The file itself, then those of its dependencies that this stream has not had yet. */
function filesResponse(file: DescFile | undefined, sent: Set<DescFile>) {
  if (!file) return notFound();
  const [, ...dependencies] = withDependencies(file);
  const files = [file, ...new Set(dependencies.filter((dependency) => !sent.has(dependency)))];
  for (const each of files) sent.add(each);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: files.map(encode) } } as const;
}

function notFound() {
  return failure(Code.NotFound, 'Not found');
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: 'errorResponse', value: { errorCode, errorMessage } } as const;
}
