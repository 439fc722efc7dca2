import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXAMPLE, examplesIn, openStillStub, run } from './examples.ts';

/** `npx node test/stub/update-docs.ts`: asks the stub for every example of docs/api.md anew and writes down what it answers. */
const file = join(import.meta.dirname, '../../docs/api.md');
const text = readFileSync(file, 'utf8');
const stub = await openStillStub();
const answers: string[] = [];
for (const { curl } of examplesIn(text)) {
  const { status, retryAfter, body } = await run(curl, stub.url);
  const said = retryAfter === null ? `${status}` : `${status}, \`Retry-After: ${retryAfter}\``;
  answers.push(
    `\`\`\`sh\ncurl ${curl}\n\`\`\`\n\nAnswer ${said}:\n\n\`\`\`json\n${JSON.stringify(body, null, 2)}\n\`\`\``,
  );
}
writeFileSync(
  file,
  text.replace(EXAMPLE, () => answers.shift()!),
);
await stub.close(0);
process.exit(0);
