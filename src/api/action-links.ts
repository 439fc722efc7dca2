import type { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { Call } from './call.ts';
import type { Action } from './error-reasons.ts';
import { prefersEnglish } from './errors.ts';

/** Templates of links by action. `{lang}` (`ru` or `en`) and `{reason}` are filled in; nothing of the request is. */
export type ActionUrls = Readonly<Partial<Record<Action, string>>>;

export type ActionUrlOptions = {
  /** For an app that is not named, and for a caller of whom nothing is known yet. */
  actionUrls: ActionUrls;
  /** By app; what an app has no template for, it gets none for. */
  actionUrlsByApp: Readonly<Record<string, ActionUrls>>;
};

/** Adds to a refusal with an action where the app finds that action, if its link is configured. */
export type AddLink = (refusal: ConnectError, call: Call, acceptLanguage: string | null) => void;

/** The key in the metadata of ErrorInfo, beside `action`. */
export const ACTION_URL = 'action_url';

export function makeAddLink({ actionUrls, actionUrlsByApp }: ActionUrlOptions): AddLink {
  const byApp = new Map(Object.entries(actionUrlsByApp));
  return (refusal, { caller }, acceptLanguage) => {
    for (const detail of refusal.details) {
      if (!('desc' in detail) || detail.desc !== ErrorInfoSchema) continue;
      const { reason, metadata } = detail.value as { reason: string; metadata: Record<string, string> };
      const urls = (caller.kind === 'driver' && byApp.get(caller.app)) || actionUrls;
      const template = urls[metadata['action'] as Action];
      if (template === undefined) continue;
      const lang = prefersEnglish(acceptLanguage ?? '') ? 'en' : 'ru';
      metadata[ACTION_URL] = template.replaceAll('{lang}', lang).replaceAll('{reason}', reason);
    }
  };
}

export const addNoLink: AddLink = () => {};
