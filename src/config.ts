import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { z } from 'zod';
import type { AuthSettings } from './auth/open-auth.ts';
import { readAuth } from './config-auth.ts';
import { type ConfiguredRegion, REGULATORS, readRegions } from './config-regions.ts';
import { environmentSchema, type Limits, limitsSchema, type PartName, secretNames } from './config-schema.ts';
import { type Texts, textsSchema } from './enforcement/enforcement.ts';
import { Masked } from './runtime/masked.ts';

/**
 * The configuration: the environment (addresses, secrets, identity) and a folder (limits and regions), read once, checked as a whole, frozen.
 * `service.json` holds limits that differ from the defaults of config-schema.ts; `DEPTRANS_<PART>_<LIMIT>` in the environment wins over it
 * (`DEPTRANS_DELIVERY_QUIET_MS=5000`). `regions/*.json` hold a region each, `texts.json` what drivers are told. Secrets may come from files: `REGULATOR_PASSWORD_FILE`.
 */
export type Config = Readonly<{
  instance: string;
  parts: ReadonlySet<PartName>;
  auth: AuthSettings;
  host: string;
  port: number;
  metricsPort: number;
  /** Null: plain HTTP. */
  tls: Readonly<{ cert: string; key: Masked<'TlsKey'>; certFile: string; keyFile: string }> | null;
  logLevel: z.infer<typeof environmentSchema>['LOG_LEVEL'];
  databaseUrl: Masked<'DatabaseUrl'>;
  /** Absent: no broker; events come by push alone. */
  kafkaBrokers: readonly string[] | null;
  /** The name of the adapter; all regions are reported to one regulator. */
  regulator: string;
  regulatorUrl: string;
  regulatorLogin: string;
  regulatorPassword: Masked<'Password'>;
  journalKey: Masked<'JournalKey'>;
  profilesUrl: string;
  categoriesUrl: string;
  trackstoryUrl: string;
  personalUrl: string;
  regions: readonly ConfiguredRegion[];
  texts: Texts;
  limits: Limits;
}>;

/** What is wrong with the configuration, all of it. Holds names and rules, never values. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the configuration. Throws `ConfigError` with every problem there is. `regulators`: those that the process has adapters for. */
export function readConfig(
  env: Environment,
  folder = env['CONFIG_DIR'] ?? join(import.meta.dirname, '../config'),
  regulators: readonly string[] = REGULATORS,
): Config {
  const problems: string[] = [];
  const environment = check(environmentSchema, withSecretFiles(env, problems), '', problems);
  const auth = readAuth(env, problems);
  const limits = check(
    limitsSchema,
    withOverrides(readJson(join(folder, 'service.json'), problems), env, problems),
    'service.json: ',
    problems,
  );
  const { regions: bounds } = limits ?? limitsSchema.parse({});
  const regions = readRegions(join(folder, 'regions'), bounds, problems, regulators);
  const texts = check(textsSchema, readJson(join(folder, 'texts.json'), problems), 'texts.json: ', problems);
  const tls = environment && readTls(environment, problems);
  if (problems.length > 0 || !environment || !limits || !texts) throw new ConfigError(problems);
  const e = environment;
  return Object.freeze({
    instance: e.INSTANCE ?? `${hostname()}-${process.pid}`.replace(/[^\w.:-]/g, '-').slice(-64),
    parts: new Set(e.PARTS),
    auth,
    host: e.HOST,
    port: e.PORT,
    metricsPort: e.METRICS_PORT,
    tls,
    logLevel: e.LOG_LEVEL,
    databaseUrl: new Masked<'DatabaseUrl'>(e.DATABASE_URL),
    kafkaBrokers: e.KAFKA_BROKERS ?? null,
    regulator: regions[0]?.regulator ?? REGULATORS[0],
    regulatorUrl: e.REGULATOR_URL,
    regulatorLogin: e.REGULATOR_LOGIN,
    regulatorPassword: new Masked<'Password'>(e.REGULATOR_PASSWORD),
    journalKey: new Masked<'JournalKey'>(e.JOURNAL_KEY),
    profilesUrl: e.DRIVER_PROFILES_URL,
    categoriesUrl: e.DRIVER_CATEGORIES_URL,
    trackstoryUrl: e.DRIVER_TRACKSTORY_URL,
    personalUrl: e.PERSONAL_URL,
    regions,
    texts,
    limits,
  });
}

function check<T extends z.ZodType>(schema: T, value: unknown, where: string, problems: string[]): z.infer<T> | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues)
    problems.push(`${where}${issue.path.join('.')}${issue.path.length ? ': ' : ''}${issue.message}`);
  return null;
}

function withSecretFiles(env: Environment, problems: string[]): Environment {
  const filled = { ...env };
  for (const name of secretNames) {
    const file = env[`${name}_FILE`];
    if (file === undefined) continue;
    if (env[name] !== undefined) problems.push(`${name}: given twice, also as ${name}_FILE`);
    try {
      filled[name] = readFileSync(file, 'utf8').trim();
    } catch {
      problems.push(`${name}_FILE: cannot be read`);
    }
  }
  return filled;
}

function readTls(
  { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }: z.infer<typeof environmentSchema>,
  problems: string[],
): Config['tls'] {
  if (certFile === undefined && keyFile === undefined) return null;
  if (certFile === undefined || keyFile === undefined) {
    problems.push('TLS_CERT_FILE, TLS_KEY_FILE: give both or neither');
    return null;
  }
  try {
    const [cert, key] = [certFile, keyFile].map((file) => readFileSync(file, 'utf8'));
    createSecureContext({ cert, key });
    return { cert: cert!, key: new Masked<'TlsKey'>(key!), certFile, keyFile };
  } catch {
    problems.push('TLS_CERT_FILE, TLS_KEY_FILE: cannot be read, or are no certificate and its key');
    return null;
  }
}

/** Lays `DEPTRANS_<PART>_<LIMIT>` over the file. Which keys there are, the schema says; what it does not know is a problem there. */
function withOverrides(file: unknown, env: Environment, problems: string[]): unknown {
  const merged: Record<string, Record<string, unknown>> = structuredClone((file ?? {}) as never);
  for (const [name, value] of Object.entries(env)) {
    const [, part, rest] = /^DEPTRANS_([A-Z]+)_([A-Z0-9_]+)$/.exec(name) ?? [];
    if (!part || !rest) {
      if (name.startsWith('DEPTRANS_')) problems.push(`${name}: must be DEPTRANS_<PART>_<LIMIT>`);
      continue;
    }
    const key = rest.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    merged[part.toLowerCase()] = { ...merged[part.toLowerCase()], [key]: plain(value ?? '') };
  }
  return merged;
}

function plain(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' ? true : text === 'false' ? false : text;
}

function readJson(file: string, problems: string[]): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    problems.push(`${file.split('/').slice(-2).join('/')}: ${why}`);
    return undefined;
  }
}
