import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { startService } from '../../simulator/stage/service.ts';
import { openTestDatabase } from '../support/database.ts';
import { makeSelfSigned } from '../support/self-signed.ts';
import { until } from '../support/until.ts';

test('the running service shows a renewed certificate, and what its metrics say of it', async () => {
  await using database = await openTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-certificate-'));
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const [first, second] = [makeSelfSigned(), makeSelfSigned()];
  const put = async ({ cert, key }: { cert: string; key: string }) => {
    await writeFile(files.key, key);
    await writeFile(files.cert, cert);
  };
  await put(first);
  const env = {
    PARTS: 'feed,api',
    TLS_CERT_FILE: files.cert,
    TLS_KEY_FILE: files.key,
    DEPTRANS_LISTENER_CERTIFICATE_MS: '50',
  };
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  {
    await using service = await startService({
      databaseUrl: database.url,
      brokers: null,
      cityUrl: 'http://127.0.0.1:1',
      env,
      onLine,
    });
    const port = Number(new URL(service.url).port);
    const trusts = async (ca: string) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca });
      const trusted = await once(socket, 'secureConnect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return trusted;
    };
    const refused = async () =>
      /^deptrans_listener_certificate_refused (\d)$/m.exec(await (await fetch(service.metricsUrl)).text())?.[1];
    expect(await trusts(first.cert)).toBe(true);
    expect(await trusts(second.cert)).toBe(false);

    await writeFile(files.cert, 'half a certificate');
    await until(async () => (await refused()) === '1', 'the certificate was refused');
    expect(await trusts(first.cert)).toBe(true);
    await put(second);
    await until(() => trusts(second.cert), 'the new certificate was shown');
    await until(async () => (await refused()) === '0', 'the certificate was taken');
  }
  await rm(folder, { recursive: true });
  await until(() => lines.at(-1)!.includes('"msg":"stopped"'), 'the last line of the log came');
  // No line tells of what is in the files.
  expect(lines.join('\n')).not.toMatch(/PRIVATE KEY|half a certificate/);
});
