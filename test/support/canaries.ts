import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Simulator } from '../../simulator/simulator.ts';

/** Values that are nowhere else, so that whoever finds one has found a leak. */
export const CANARY = {
  licence: '9977654321',
  otherLicence: '9988123456',
  id: '77001122334455',
  otherId: '77005544332211',
  person: 'pd-canary-4f1c9a77',
  otherPerson: 'pd-canary-b2d0e833',
  password: 'canary-password-5510',
  journalKey: 'canary-journal-key-7781',
  badToken: 'canarytoken.eyJpc3MiOiJjYW5hcnkifQ.canarysignature',
  echoed: 'canary-echo-900177',
};

export const ANN = { parkId: 'park', driverId: 'ann' };
export const BOB = { parkId: 'park', driverId: 'bob' };
const KREMLIN = { lon: 37.6176, lat: 55.752 };

/** Ann and Bob, as the regulator and the neighbours know them. */
export function populate({ regulator, neighbours: { data } }: Simulator): void {
  regulator.settings.password = CANARY.password;
  regulator.registry.put(CANARY.id, CANARY.licence);
  regulator.registry.put(CANARY.otherId, CANARY.otherLicence);
  for (const [driver, person, licence] of [
    [ANN, CANARY.person, CANARY.licence],
    [BOB, CANARY.otherPerson, CANARY.otherLicence],
  ] as const) {
    data.putProfile(driver, person);
    data.putCategories(driver, ['econom']);
    data.putPosition(driver, KREMLIN);
    data.putLicence(person, licence);
  }
}

/** A module that throws where nobody catches, on SIGUSR2, an error full of canaries. Returns its URL. */
export async function writeCrash(folder: string): Promise<string> {
  const file = join(folder, 'crash.mjs');
  const { licence, person, id, echoed } = CANARY;
  const error = `new Error('licence ${licence} of ${person}', { cause: new Error('id ${id}') })`;
  const code = `process.on('SIGUSR2', () => { throw Object.assign(${error}, { detail: '${echoed}' }); });`;
  await writeFile(file, code);
  return pathToFileURL(file).href;
}
