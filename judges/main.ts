import { startChild } from '../simulator/stage/child.ts';
import { runConformance } from './conformance/conformance.ts';
import { runSchemathesis } from './schemathesis.ts';

/**
 * `make judges`: what tools that nobody here wrote say of the edge: the Connect conformance suite, and 5,000 requests of schemathesis to the stub. Each
 * tool is installed once, below .cache. Prints what they say; exit code 0 if all are content. Named, only those run.
 */
const PER_OPERATION = 1_250;

const judges = {
  async conformance() {
    const { ok, output } = await runConformance();
    process.stdout.write(output.slice(-8_000));
    return ok;
  },
  async schemathesis() {
    await using stub = await startChild({
      file: 'src/stub/main.ts',
      env: { PORT: '0' },
      greeting: (line) => (line.includes('"started"') ? (JSON.parse(line) as { url: string }).url : null),
    });
    const { ok, output } = await runSchemathesis(stub.greeting, PER_OPERATION);
    process.stdout.write(output);
    return ok;
  },
};

const asked = process.argv.slice(2);
const names = (asked.length > 0 ? asked : Object.keys(judges)) as (keyof typeof judges)[];
let content = true;
for (const name of names) {
  const ok = await judges[name]();
  process.stdout.write(`${name}: ${ok ? 'content' : 'NOT CONTENT'}\n`);
  content &&= ok;
}
process.exit(content ? 0 : 1);
