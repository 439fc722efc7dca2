import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectError, Interceptor } from '@connectrpc/connect';
import type { Auth } from '../auth/auth.ts';
import { type Caller, NotAdmitted, type Rule } from '../auth/caller.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { nameOf } from './access.ts';
import { type Call, callOf } from './call.ts';
import { refuse } from './errors.ts';

const NAMELESS = 'The request does not say who it comes from: with AUTH=open, give a name in the header x-caller';

/** Finds out who calls a method and whether he may, and writes him into the call. Throws a refusal. */
export type Admit = (method: DescMethod, call: Call, header: Headers) => void | Promise<void>;

export function makeAdmit(auth: Auth, rules: ReadonlyMap<string, Rule>, metrics: Metrics): Admit {
  const refused = metrics.counter('auth_refusals_total', 'Calls of those who were not admitted, by why', ['why']);
  const byMethod = new WeakMap<DescMethod, Rule>();
  const ruleOf = (method: DescMethod): Rule => {
    let rule = byMethod.get(method);
    if (!rule) {
      rule = rules.get(nameOf(method));
      if (!rule) throw new Error(`No rule says who may call ${nameOf(method)}`);
      byMethod.set(method, rule);
    }
    return rule;
  };
  const admitted = (call: Call, header: Headers, caller: Caller): void => {
    call.caller = caller;
    if (caller.kind === 'driver') call.address = auth.addressOf({ header, peer: call.peer }, caller);
  };
  const toRefusal = (error: unknown): unknown => {
    if (!(error instanceof NotAdmitted)) return error;
    refused.inc({ why: error.detail });
    return refusalFor(error);
  };
  return (method, call, header) => {
    try {
      const caller = auth.admit(ruleOf(method), { header, peer: call.peer });
      if (!(caller instanceof Promise)) return admitted(call, header, caller);
      return caller.then(
        (known) => admitted(call, header, known),
        (error: unknown) => {
          throw toRefusal(error);
        },
      );
    } catch (error) {
      throw toRefusal(error);
    }
  };
}

/** One answer for all invalid tokens: what was wrong with it is in the metric. Where everybody is believed he is told how to give his name. */
function refusalFor({ why, detail }: NotAdmitted): ConnectError {
  switch (why) {
    case 'missing':
      return refuse('CREDENTIALS_MISSING', detail === 'x-caller' ? { message: NAMELESS } : {});
    case 'invalid':
      return refuse('CREDENTIALS_INVALID');
    case 'not_allowed':
      return refuse('NOT_ALLOWED');
    default:
      return why satisfies never;
  }
}

/** Nobody's request is read before he is admitted. */
export function admitCallers(admit: Admit): Interceptor {
  return (next) => (req) => {
    const admitted = admit(req.method, callOf(req.contextValues), req.header);
    return admitted instanceof Promise ? admitted.then(() => next(req)) : next(req);
  };
}
