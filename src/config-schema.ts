import { z } from 'zod';
import { api, auth, listener } from './config-edge.ts';
import { count, degrees, ms, section } from './config-limits.ts';

/** The limits of every part, with their defaults. */
export const limitsSchema = z.strictObject({
  process: section({
    /** From the first signal to the end, all in all. */
    graceMs: ms(10_000),
    /** From the first signal on everything is still taken for so long, so that who sends us work learns in time that we go. */
    drainMs: ms(1_000, 0),
  }),
  database: section({
    maxConnections: count(20, 2, 500),
    statementTimeoutMs: ms(20_000),
    connectTimeoutMs: ms(2_000),
  }),
  intake: section({
    topic: z
      .string()
      .regex(/^[\w.-]{1,249}$/)
      .default('contractor-statuses-events'),
    groupId: z.string().min(1).max(249).default('deptrans-driver-status-integration'),
    /** Messages stored in one transaction. The more, the more of a driver's events are folded into one write. */
    maxBatch: count(20_000, 1, 100_000),
    /** Bytes of one fetch, at most: of all partitions, and of each. A backlog is taken in pieces of this size. */
    fetchBytes: count(8 * 1024 * 1024, 64 * 1024, 128 * 1024 * 1024),
    partitionFetchBytes: count(4 * 1024 * 1024, 64 * 1024, 64 * 1024 * 1024),
    partitionsAtOnce: count(4, 1, 64),
    /** How long the broker holds a fetch that finds nothing. */
    maxWaitMs: ms(100),
    sessionTimeoutMs: ms(10_000, 1_000),
    /** How often positions are compared with the database's. */
    verifyMs: ms(30_000),
  }),
  mirror: section({
    pollMs: ms(1_000),
    pageLimit: count(1_000, 1, 10_000),
    deadlineMs: ms(5_000),
    /** Neighbours' data older than this at a start: not ready. */
    maxAgeMs: ms(86_400_000),
    leaseMs: ms(15_000),
  }),
  clients: section({
    deadlineMs: ms(2_000),
  }),
  regulator: section({
    /** Of one call, with its login if it needs one. */
    deadlineMs: ms(5_000),
    connectTimeoutMs: ms(2_000),
    canReadSession: z.boolean().default(true),
    ordersByOccurredAt: z.boolean().default(false),
    repeatIsHarmless: z.boolean().default(true),
    /** Reports in one call when many wait, if the regulator takes batches; 1 = never. */
    maxBatch: count(100, 1, 500),
    /** A token older than this is renewed while it is still in use. */
    renewAfterMs: ms(1_800_000),
  }),
  delivery: section({
    leaseMs: ms(10_000),
    /** A call begins no later than this after its intent was handed to the database; a reading waits no longer for its turn. */
    slackMs: ms(2_000),
    /** The longest that a call may live on after we gave up on it. */
    quietMs: ms(30_000),
    verifyAfterMs: ms(600_000),
    positionRetryMs: ms(30_000),
    positionMaxAgeMs: ms(300_000),
    personRetryMs: ms(30_000),
    parkMs: ms(900_000),
    maxParkMs: ms(21_600_000),
    retryMs: ms(60_000),
    maxRetryMs: ms(3_600_000),
    maxRetryAfterMs: ms(600_000),
    sessionEndSlackMs: ms(60_000),
    /** An open session is read again when its last news is older than this, as far as reports leave room. */
    refreshMs: ms(900_000),
    /** A session that is issued and not on yet is read again after so long, and then ever more rarely. */
    issuedReadMs: ms(5_000),
    /** An event older than this is not told as fresh. */
    maxAgeMs: ms(86_400_000),
    /** A connected profile without an event for so long counts as offline. */
    maxSilenceMs: ms(86_400_000),
    batch: count(800, 1, 2_000),
    maxInFlight: count(200, 1, 10_000),
    /** Calls a second to the regulator, of all instances together: the ceiling of the rate that they find. */
    maxRate: count(2_000),
    /** Where the rate begins at a regulator that was never called. */
    startRate: count(100),
    failuresToShut: count(20),
    probeMs: ms(60_000),
    pauseMs: ms(50),
    /** How long what is to be settled waits for company while calls are under way. */
    settleLingerMs: ms(50),
    /** Accounts compared with the regulator's own answer a day. */
    driftPerDay: count(1_000, 1, 1_000_000),
    /** How far a standby may be behind when it takes over from the primary; 0: not at all, it is synchronous. */
    failoverLagMs: ms(60_000, 0),
    /** By so long after a failover what was lost with it has been taken again from topic and neighbours. */
    failoverDoubtMs: ms(600_000),
    sweepMs: ms(30_000),
    sweepLookMs: ms(1_000),
    sweepPage: count(500, 1, 5_000),
    /** Profiles whose positions are asked for in a second: driver-trackstory is everybody's. 400,000 people on line take 20 seconds. */
    sweepPositionsPerSecond: count(20_000, 100, 1_000_000),
  }),
  feed: section({
    pollMs: ms(48),
    heartbeatMs: ms(1_000),
    /** Between two stretches of the copy that are compared with the database, and the rows of each kind in one. */
    auditMs: ms(1_000),
    auditRows: count(500, 1, 10_000),
    /** Streams open, and snapshots under way, in one instance at once; more are told to come back. */
    maxStreams: count(2_000, 1, 100_000),
    maxSnapshots: count(128, 1, 10_000),
    /** A stream is sent away at 80 to 100 % of this age, with its cursor, so that new instances get their share. */
    maxStreamAgeMs: ms(600_000, 1_000),
    /** Checks by data older than this answer UNKNOWN. */
    maxDataAgeMs: ms(60_000),
  }),
  /** Where regions may lie, in degrees: the Russian mainland. A point outside is a mistake. */
  regions: section({
    west: degrees(19, 180),
    south: degrees(41, 90),
    east: degrees(180, 180),
    north: degrees(82, 90),
  }),
  api,
  auth,
  listener,
  supply: section({
    /** Changes are read, and the figures written, so often. */
    pollMs: ms(1_000),
    /** How long nobody counts when the instance that does is gone. */
    leaseMs: ms(10_000),
    /** How often the figures of the minute in hand are written. */
    minuteMs: ms(10_000),
    /** People whose place is asked for in a second, each again after `placeMs`; a position older than `positionMaxAgeMs` says nothing. */
    placesPerRound: count(2_000, 1, 20_000),
    placeMs: ms(120_000),
    /** Whose shift is about to be reported, and tells where it is, is asked for only after so long. */
    reportMs: ms(5_000, 0),
    positionMaxAgeMs: ms(3_600_000),
  }),
  maintenance: section({
    periodMs: ms(60_000),
    /** Of the journal and the history of sessions. */
    journalDays: count(30, 1, 30),
    quarantineDays: count(30, 1, 365),
    /** Of the record of operations. */
    auditDays: count(365, 30, 3_650),
    feedLogMs: ms(3_600_000),
    accountDays: count(30, 1, 365),
    /** Changes of licence about which the regulator could not be asked. */
    licenceChangeDays: count(30, 1, 365),
    /** Answers to drivers' idempotency keys. */
    driverAnswerDays: count(2, 1, 30),
    /** How long tombstones stay for old cursors. */
    tombstoneDays: count(7, 1, 31),
    /** Of the figures of supply, by minute and by hour. */
    supplyMinuteDays: count(7, 1, 31),
    supplyHourDays: count(400, 31, 3_650),
    /** What whoever counts drivers has to follow. */
    supplyChangesMs: ms(600_000, 300_000),
    /** How often the place of dead rows is freed in tables whose rows do not live for long. */
    vacuumMs: ms(2_000),
    gaugeMs: ms(10_000),
  }),
});

export type Limits = z.infer<typeof limitsSchema>;

export const partNames = ['intake', 'delivery', 'mirror', 'supply', 'feed', 'api'] as const;
export type PartName = (typeof partNames)[number];

const url = z.url({ protocol: /^https?$/ });
const port = z.coerce.number().int().min(0).max(65_535);
const secret = z.string().min(1).max(1_024);

/** What the surroundings say: addresses, secrets, identity. Each `*_FILE` names a file with the secret in it. */
export const environmentSchema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a URL postgres://user:password@host/database' }),
  HOST: z
    .string()
    .regex(/^[\w.:-]{1,253}$/)
    .default('127.0.0.1'),
  PORT: port.default(8080),
  METRICS_PORT: port.default(9090),
  /** Certificate chain and key, PEM. Both or neither; without them the port speaks plain HTTP. */
  TLS_CERT_FILE: z.string().min(1).optional(),
  TLS_KEY_FILE: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  INSTANCE: z
    .string()
    .regex(/^[\w.:-]{1,64}$/)
    .optional(),
  PARTS: z
    .string()
    .default(partNames.join(','))
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(partNames)).nonempty())
    .refine((parts) => parts.includes('feed') === parts.includes('api'), 'api and feed go together'),
  KAFKA_BROKERS: z
    .string()
    .transform((text) => text.split(',').map((broker) => broker.trim()))
    .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, 'must be host:port,host:port')).nonempty())
    .optional(),
  REGULATOR_URL: url,
  REGULATOR_LOGIN: z.string().min(1).max(256),
  REGULATOR_PASSWORD: secret,
  JOURNAL_KEY: secret.min(16),
  DRIVER_PROFILES_URL: url,
  DRIVER_CATEGORIES_URL: url,
  DRIVER_TRACKSTORY_URL: url,
  PERSONAL_URL: url,
});

export const secretNames = ['DATABASE_URL', 'REGULATOR_PASSWORD', 'JOURNAL_KEY'] as const;
