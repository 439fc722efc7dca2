import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { fetchKafka } from './fetch-kafka.ts';
import { brokerSettings, freePorts } from './kafka-settings.ts';
import { firstErrorLine, missingTool, runTool } from './run-tool.ts';

/**
 * A real Apache Kafka 4.4 (KRaft, one node) on free ports of 127.0.0.1. Needs Java 17 and, for the first start on a machine, Maven.
 *
 * Guarantees: when `startBroker` resolves, the broker answers requests; `stop` ends exactly the process that was started and, if the data
 * folder was not given, deletes the data. A given data folder is formatted once and keeps its topics from start to start.
 * Not guaranteed: anything about power loss (one replica, default flushing); topics are not created by themselves.
 */
export type Broker = AsyncDisposable & {
  /** Bootstrap server, `127.0.0.1:port`. */
  readonly brokers: string;
  readonly pid: number;
  stop(): Promise<void>;
};

export type BrokerOptions = { dataFolder?: string; port?: number };

const startDeadlineMs = 180_000;
const mostAttempts = 3;
const stopDeadlineMs = 15_000;
const javaAdvice = 'Install Java 17 or newer or run without a broker.';

export async function startBroker({ dataFolder, port = 0 }: BrokerOptions = {}): Promise<Broker> {
  const jars = await fetchKafka();
  const folder = dataFolder ?? (await mkdtemp(join(tmpdir(), 'deptrans-kafka-')));
  const dropData = () => (dataFolder ? Promise.resolve() : rm(folder, { recursive: true, force: true }));
  try {
    const started = await startProcess(jars, folder, port);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= started.end().then(dropData);
      return stopping;
    };
    return { brokers: started.brokers, pid: started.pid, stop, [Symbol.asyncDispose]: stop };
  } catch (problem) {
    await dropData();
    throw problem;
  }
}

/** Ports that nobody asked for are chosen just before they are taken; whoever else took one in between costs an attempt. */
async function startProcess(jars: string, folder: string, wantedPort: number) {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts([wantedPort, 0]);
    try {
      return await startOnPorts(jars, folder, ports);
    } catch (problem) {
      const areFree = await freePorts(ports).catch(() => null);
      if (attempt === mostAttempts || areFree) throw problem;
    }
  }
}

async function startOnPorts(jars: string, folder: string, [port, controllerPort]: readonly number[]) {
  await mkdir(join(folder, 'log'), { recursive: true });
  const settings = join(folder, 'server.properties');
  await writeFile(
    settings,
    brokerSettings({ port: port!, controllerPort: controllerPort!, logFolder: join(folder, 'log') }),
  );
  const classPath = ['-cp', join(jars, '*')];
  if (!existsSync(join(folder, 'log', 'meta.properties'))) {
    const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    await runTool('java', [...classPath, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', settings], javaAdvice);
  }
  const child = spawn('java', ['-Xmx512m', '-XX:+UseSerialGC', ...classPath, 'kafka.Kafka', settings], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
  });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const end = () => endProcess(child).finally(() => process.off('exit', killAtExit));
  try {
    await untilReady(child, `127.0.0.1:${port}`);
  } catch (problem) {
    await end();
    throw problem;
  }
  return { brokers: `127.0.0.1:${port}`, pid: child.pid!, end };
}

async function untilReady(child: ChildProcess, brokers: string): Promise<void> {
  let said = '';
  const keep = (text: Buffer) => {
    said = (said + text).slice(-8_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const gone = new AbortController();
  let failure: Error | undefined;
  child.once('error', (cause) => {
    failure = missingTool('java', javaAdvice, cause);
    gone.abort();
  });
  child.once('close', (code) => {
    failure ??= new Error(`The broker ended with ${code} before it was ready: ${firstErrorLine(said)}`);
    gone.abort();
  });
  const deadline = performance.now() + startDeadlineMs;
  while (!(await answers(brokers))) {
    if (failure) throw failure;
    if (performance.now() > deadline) throw new Error(`The broker did not answer in time: ${firstErrorLine(said)}`);
    await pause(50, undefined, { signal: gone.signal }).catch(() => undefined);
  }
}

async function answers(brokers: string): Promise<boolean> {
  const admin = new Kafka({
    clientId: 'broker-probe',
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await closed;
  clearTimeout(killer);
}
