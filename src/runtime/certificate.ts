import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from './clock.ts';
import type { Lifetime } from './lifetime.ts';
import type { TlsKeys } from './listener-front.ts';
import type { Log } from './log.ts';
import { type Loop, startLoop } from './loop.ts';
import type { Metrics } from './metrics.ts';

/** Where the certificate chain and its key lie, PEM. */
export type TlsFiles = { certFile: string; keyFile: string };

export type CertificateOptions = TlsFiles & {
  /** What is in force. */
  keys: TlsKeys;
  /** Puts another pair in force. */
  renew(keys: TlsKeys): void;
  refreshMs: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/**
 * Reads the files of the port's certificate again and again, so that it is renewed without a restart and without a signal: whoever renews it replaces
 * the files, as a mounted secret does, and connections made from then on get the new one.
 *
 * What cannot be used leaves the pair in force as it is: files that cannot be read, that are no certificate and its key (as between the replacing of the
 * one and of the other), or a certificate that is over. That is said in the log once, and by a gauge for as long as it is so.
 */
export function keepCertificate(options: CertificateOptions): Loop {
  const { renew, refreshMs, lifetime, clock, metrics } = options;
  const log = options.log.child({ part: 'listener' });
  let inForce = options.keys;
  let refused: string | null = null;
  metrics.gauge('listener_certificate_refused', 'Whether what lies in the files cannot be used', [], (gauge) =>
    gauge.set(refused === null ? 0 : 1),
  );
  const expires = metrics.gauge('listener_certificate_expires_at_seconds', 'When the certificate in force is over');
  expires.set(endOf(inForce) / 1_000);

  const look = async () => {
    let found: TlsKeys | null = null;
    try {
      found = await readKeys(options);
      if (found.cert !== inForce.cert || found.key !== inForce.key) {
        checkKeys(found, clock.now());
        renew(found);
        inForce = found;
        expires.set(endOf(inForce) / 1_000);
        log.info({ until: new Date(endOf(inForce)).toISOString() }, 'the certificate is renewed');
      }
      refused = null;
    } catch (err) {
      const what = found ? found.cert + found.key : String(err);
      if (what !== refused)
        log.error({ err }, 'the new certificate cannot be used; the one that is there stays in force');
      refused = what;
    }
    return 'idle' as const;
  };
  const timer = metrics.timer('listener');
  return startLoop({ name: 'certificate', runOnce: look, pauseMs: refreshMs, lifetime, clock, log, timer });
}

async function readKeys({ certFile, keyFile }: TlsFiles): Promise<TlsKeys> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { cert, key };
}

/** Throws unless a server can show the certificate and hold it with the key. */
function checkKeys(keys: TlsKeys, nowMs: number): void {
  createSecureContext(keys);
  if (endOf(keys) <= nowMs) throw new Error('The certificate is over.');
}

/** When the first certificate of the chain, which is the server's own, is over. */
const endOf = ({ cert }: TlsKeys) => Date.parse(new X509Certificate(cert).validTo);
