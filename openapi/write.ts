import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { makeDocument } from './document.ts';

/** `npm run generate` ends with this: writes gen/openapi.json. The generated descriptors have no comments, so buf is asked for the files anew. */
const { stdout, status, stderr } = spawnSync(
  'buf',
  ['build', '--path', 'proto/deptrans', '--as-file-descriptor-set', '-o', '-#format=binpb'],
  { maxBuffer: 64 * 1024 * 1024 },
);
if (status !== 0) throw new Error(`buf build failed: ${stderr}`);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, stdout));
const services = [...registry].filter((type) => type.kind === 'service');
const methods = services
  .filter(({ typeName }) => typeName.startsWith('deptrans.'))
  .flatMap((service) => service.methods);
const file = join(import.meta.dirname, '../gen/openapi.json');
writeFileSync(file, `${JSON.stringify(makeDocument(methods), null, 2)}\n`);
