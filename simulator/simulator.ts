import { type Bearer, openBearers } from './bearer.ts';
import { type City, openCity } from './city/city.ts';
import { type DriverApp, openDriverApp } from './city/driver-app.ts';
import { openKafkaSink } from './city/kafka-sink.ts';
import type { Sink } from './city/outbox.ts';
import { openPushSink } from './city/push-sink.ts';
import { type Comparison, compare } from './control/compare.ts';
import { openControl } from './control/control.ts';
import type { Sides } from './control/sides.ts';
import { sendJson } from './http/exchange.ts';
import { type Handler, type HttpServer, serve } from './http/serve.ts';
import { plainRules } from './judge/judge.ts';
import { makeNeighbours, type Neighbours } from './neighbours/neighbours.ts';
import { makeRegulator, type Regulator } from './regulator/regulator.ts';
import { makeWeather } from './weather.ts';

/**
 * The whole simulator in one process on one port: `/regulator`, `/driver-profiles`, `/driver-categories`, `/trackstory`, `/personal` and
 * `/control`. The city does not move before `city.start()`.
 *
 * Not guaranteed on a shared port: a part that is "refused" still accepts the connection and cuts it.
 */
export type Simulator = AsyncDisposable & {
  readonly url: string;
  readonly city: City;
  readonly regulator: Regulator;
  readonly neighbours: Neighbours;
  /** `slackMs`: the judge's own if not given. */
  compare(slackMs?: number): Comparison;
  close(): Promise<void>;
};

export type SimulatorOptions = {
  port: number;
  people: number;
  rate: number;
  seed: number | string;
  /** Where the service is. Null: nobody binds an id. */
  serviceUrl: string | null;
  /** Null: events are pushed to the service; if there is none, they go nowhere. */
  brokers: string | null;
  /** Of the broker, if it is not the usual one. */
  topic?: string;
  /** Where the keys are by which the city's tokens are made; null: the service asks for none. */
  keys?: string | null;
  /** Whether the regulator misbehaves a little from the start. */
  weather: boolean;
};

export async function openSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { people, rate, seed, serviceUrl, keys = null } = options;
  const bearers = await openBearers(keys);
  const regulator = makeRegulator({ seed });
  const neighbours = makeNeighbours();
  if (options.weather) makeWeather(regulator);
  const sink = await openSink(options, bearers({ kind: 'service', name: 'driver-status' }));
  const gateway = bearers({ kind: 'service', name: 'driver-gateway' });
  const app: DriverApp | null = serviceUrl === null ? null : openDriverApp(serviceUrl, gateway);
  const city = openCity({ people, rate, seed, data: neighbours.data, registry: regulator.registry, sink, app });
  const sides: Sides = { city, regulator, neighbours, rules: { ...plainRules }, now: Date.now };
  const parts = { regulator: regulator.handle, ...neighbours.handlers, control: openControl(sides) };
  let server: HttpServer;
  try {
    server = await serve(underPrefixes(parts), { port: options.port });
  } catch (problem) {
    await city.close();
    throw problem;
  }
  const close = async () => {
    await city.close();
    regulator.stop();
    await server.close();
  };
  const { url } = server;
  return {
    url,
    city,
    regulator,
    neighbours,
    compare: (slackMs = sides.rules.slackMs) => compare({ ...sides, rules: { ...sides.rules, slackMs } }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openSink({ brokers, topic, serviceUrl }: SimulatorOptions, bearer: Bearer | null): Promise<Sink> {
  if (brokers !== null) return openKafkaSink(brokers, topic);
  return Promise.resolve(serviceUrl === null ? silentSink : openPushSink(serviceUrl, bearer));
}

const silentSink: Sink = { send: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };

function underPrefixes(parts: Readonly<Record<string, Handler>>): Handler {
  return (call) => {
    const [, name = '', rest = '/'] = /^\/([^/]+)(\/.*)?$/.exec(call.path) ?? [];
    const handler = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (handler) return handler({ ...call, path: rest });
    sendJson(call, 404, { parts: Object.keys(parts).map((part) => `/${part}`) });
    return Promise.resolve();
  };
}
