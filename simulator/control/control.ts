import { BadCall, readJson, sendBadCall, sendJson } from '../http/exchange.ts';
import type { Handler, HttpCall } from '../http/serve.ts';
import { cityRoutes } from './city-routes.ts';
import { neighbourRoutes } from './neighbour-routes.ts';
import { regulatorRoutes } from './regulator-routes.ts';
import type { Sides } from './sides.ts';

/** One control call: the words matched in its path, its query and its body give the JSON to answer with. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: RegExp;
  act(call: { words: readonly string[]; query: URLSearchParams; body: unknown }): unknown;
};

/** The control API: plain JSON, for people with curl, for the demo and for tests. README.md lists the calls. */
export function openControl(sides: Sides): Handler {
  const routes: readonly Route[] = [...cityRoutes(sides), ...regulatorRoutes(sides), ...neighbourRoutes(sides)];
  return async (call) => {
    try {
      sendJson(call, 200, (await answer(routes, call)) ?? { ok: true });
    } catch (problem) {
      if (!(problem instanceof BadCall)) throw problem;
      sendBadCall(call, problem);
    }
  };
}

async function answer(routes: readonly Route[], call: HttpCall): Promise<unknown> {
  const here = routes.filter(({ path }) => path.test(call.path));
  if (here.length === 0) throw new BadCall(404, 'NOT_FOUND', 'no such control call; see simulator/README.md');
  const route = here.find(({ method }) => method === call.method);
  if (!route)
    throw new BadCall(405, 'METHOD_NOT_ALLOWED', `this can be: ${here.map(({ method }) => method).join(', ')}`);
  const words = route.path.exec(call.path)?.slice(1) ?? [];
  const hasBody = call.request.headers['content-length'] !== '0' && call.request.headers['content-type'] !== undefined;
  const body = call.method === 'GET' || !hasBody ? {} : await readJson(call);
  return route.act({ words, query: call.query, body });
}
