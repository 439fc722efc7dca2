import { ConnectError, createClient } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { ActionUrlOptions } from '../../src/api/action-links.ts';
import { refuse } from '../../src/api/errors.ts';
import type { Auth } from '../../src/auth/auth.ts';
import { NotAdmitted } from '../../src/auth/caller.ts';
import { api } from '../../src/config-edge.ts';
import { openEdge, transports, WHOEVER_MAY } from '../support/edge.ts';

const ACTION_URLS: ActionUrlOptions = {
  actionUrls: { ENTER_ID: 'https://example.com/{lang}/id?why={reason}', SIGN_IN: 'https://example.com/{lang}/sign-in' },
  actionUrlsByApp: { uberdriver: { ENTER_ID: 'uberdriver://id' } },
};
const PATH = '/driver/v1/deptrans-status/v1/id';

const from = (app: string): Auth => ({
  ...WHOEVER_MAY,
  admit: () => ({ kind: 'driver', parkId: 'p', driverId: 'd', app, byProxy: true }),
});
const nobody: Auth = {
  ...WHOEVER_MAY,
  admit() {
    throw new NotAdmitted('missing');
  },
};

/** What a driver's GET is told, over REST. */
async function refusal(reason: Parameters<typeof refuse>[0], auth: Auth, language = 'ru', actionUrls = ACTION_URLS) {
  const getDriverId = () => {
    throw refuse(reason);
  };
  await using edge = await openEdge({ driverId: { getDriverId } }, { auth, actionUrls });
  const response = await fetch(edge.url + PATH, { headers: { 'accept-language': language } });
  return (await response.json()) as { action?: string; action_url?: string; details: { metadata?: object }[] };
}

test('a refusal says where the app finds what may help, in the language of the driver', async () => {
  expect(await refusal('ID_MISMATCH', from('taximeter'), 'en')).toMatchObject({
    action: 'ENTER_ID',
    action_url: 'https://example.com/en/id?why=ID_MISMATCH',
    details: [{ metadata: { action: 'ENTER_ID', action_url: 'https://example.com/en/id?why=ID_MISMATCH' } }, {}],
  });
  expect((await refusal('ID_MALFORMED', from('')))?.action_url).toBe('https://example.com/ru/id?why=ID_MALFORMED');
});

test('an app of its own has its own links, and none for what it does not name', async () => {
  expect((await refusal('ID_MISMATCH', from('uberdriver'))).action_url).toBe('uberdriver://id');
  const signIn = await refusal('CREDENTIALS_INVALID', from('uberdriver'));
  expect([signIn.action, signIn.action_url]).toEqual(['SIGN_IN', undefined]);
  // Not a name of an app, though every object has it.
  expect((await refusal('ID_MISMATCH', from('constructor'))).action_url).toContain('https://example.com/');
});

test('who is not known yet gets the link of every app', async () => {
  expect(await refusal('INTERNAL', nobody)).toMatchObject({
    reason: 'CREDENTIALS_MISSING',
    action_url: 'https://example.com/ru/sign-in',
  });
});

test('by default, and where nothing may help, there is no link', async () => {
  const none = api.parse({});
  expect(await refusal('ID_MISMATCH', from('taximeter'), 'ru', none)).not.toHaveProperty('action_url');
  expect(await refusal('REQUEST_MALFORMED', from('taximeter'))).not.toHaveProperty('action_url');
});

test.each(Object.keys(transports))('over %s the link stands beside the action', async (name) => {
  const setDriverId = () => {
    throw refuse('ID_MISMATCH');
  };
  await using edge = await openEdge(
    { driverId: { setDriverId } },
    { auth: from('uberdriver'), actionUrls: ACTION_URLS },
  );
  const client = createClient(DriverIdService, transports[name]!(edge.url));
  const error = await client.setDriverId({}).catch(ConnectError.from);
  const [info] = (error as ConnectError).findDetails(ErrorInfoSchema);
  expect(info!.metadata).toEqual({ action: 'ENTER_ID', action_url: 'uberdriver://id' });
});

describe('a template', () => {
  const accepts = (template: string) => api.safeParse({ actionUrls: { ENTER_ID: template } }).success;
  test.each(['https://example.com/{lang}?r={reason}', 'taximeter://screen/deptrans-id', 'intent:id#Intent;end'])(
    'may be %s',
    (template) => expect(accepts(template)).toBe(true),
  );
  test.each(['', 'id', 'https://example.com/{driver}', 'javascript:alert(1)', 'https://example.com/a b', 'data:,x'])(
    'may not be %j',
    (template) => expect(accepts(template)).toBe(false),
  );
  test('is of an action and an app that there can be', () => {
    expect(api.safeParse({ actionUrls: { FLY: 'https://example.com' } }).success).toBe(false);
    expect(api.safeParse({ actionUrlsByApp: { 'Uber Driver': {} } }).success).toBe(false);
  });
});
