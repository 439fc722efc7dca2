import { text } from 'node:stream/consumers';
import { type Availability, openAvailability } from '../../../simulator/http/availability.ts';
import { type HttpCall, serve } from '../../../simulator/http/serve.ts';

/**
 * The regulator of another city, whose wire has nothing in common with Moscow's: forms in, a line of text out, always 200; a key in every form instead of a
 * login; each event with a number that must grow. It takes no batches and tells nothing of shifts.
 */
export type SecondCity = AsyncDisposable & {
  readonly url: string;
  readonly key: string;
  readonly availability: Availability;
  /** Adds a driver. */
  put(id: string, licence: string): void;
  block(id: string): void;
  isOnline(id: string): boolean;
  /** Answers to events so far, by their first word. */
  readonly answered: ReadonlyMap<string, number>;
  /** What the next events meet, one each. */
  readonly trouble: Trouble[];
  /** From now on no key is good. */
  refuseKeys(): void;
};

export type Trouble = 'wait' | 'lost' | 'reset' | 'failed' | 'garbled' | 'hang';

type Driver = { licence: string; blocked: boolean; online: boolean; number: number };

export async function openSecondCity(): Promise<SecondCity> {
  const drivers = new Map<string, Driver>();
  const answered = new Map<string, number>();
  const trouble: Trouble[] = [];
  let key = 'key-of-the-second-city';
  const held: HttpCall[] = [];
  const availability = openAvailability();

  const event = (form: URLSearchParams): string => {
    const driver = drivers.get(form.get('driver') ?? '');
    const online = form.get('event') === 'ON';
    const number = Number(form.get('number'));
    if (!driver) return 'NO driver';
    if (driver.blocked && online) return 'NO permit';
    if (number <= driver.number) return driver.online === online ? 'SAME' : 'OLD';
    driver.number = number;
    if (driver.online === online) return 'SAME';
    driver.online = online;
    return 'OK';
  };
  const licence = (form: URLSearchParams) =>
    drivers.get(form.get('driver') ?? '')?.licence === form.get('licence') ? 'YES' : 'NO';

  const handle = async (call: HttpCall): Promise<void> => {
    const form = new URLSearchParams(await text(call.request));
    const say = (line: string, status = 200) =>
      void call.response.writeHead(status, { 'content-type': 'text/plain' }).end(line);
    if (form.get('key') !== key) return say('KEY');
    if (call.path === '/licence') return say(licence(form));
    const met = trouble.shift();
    if (met === 'wait') return say('WAIT 3');
    if (met === 'failed') return say('the machine is broken', 503);
    if (met === 'hang') return void held.push(call);
    const line = event(form);
    answered.set(line, (answered.get(line) ?? 0) + 1);
    if (met === 'lost') return void held.push(call);
    if (met === 'reset') return void call.request.socket.destroy();
    say(met === 'garbled' ? '<html>' : line);
  };

  const server = await serve(handle, { availability });
  return {
    url: server.url,
    key,
    availability,
    answered,
    trouble,
    put: (id, licence) => void drivers.set(id, { licence, blocked: false, online: false, number: 0 }),
    block(id) {
      drivers.get(id)!.blocked = true;
    },
    isOnline: (id) => drivers.get(id)!.online,
    refuseKeys() {
      key = 'another';
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
