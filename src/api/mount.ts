import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { createConnectRouter, type Interceptor, type MethodImpl, type MethodImplSpec } from '@connectrpc/connect';
import { compressionGzip } from '@connectrpc/connect-node';
import type { Log } from '../runtime/log.ts';
import type { Admit } from './admission.ts';
import type { Endpoints } from './endpoints.ts';
import { type FrameStream, sendFrames } from './frame-handler.ts';
import type { BodyLimits } from './request-body.ts';
import { serveRest } from './rest.ts';
import { serveRpc } from './rpc.ts';
import { routesOf } from './transcoding.ts';

export type Serving = {
  interceptors: Interceptor[];
  limits: BodyLimits;
  shutdownSignal: AbortSignal;
  /** Types that messages hold packed into Any; the contract has none. */
  registry?: Registry;
  /** Streams whose frames are encoded already. */
  frames: ReadonlyMap<DescMethod, FrameStream>;
  log: Log;
  admit: Admit;
};

/** What answers for these methods: their RPC paths, and the REST paths of those that the contract gives one. */
export function makeEndpoints(specs: MethodImplSpec[], serving: Serving): Endpoints {
  const { interceptors, limits, shutdownSignal, frames, registry } = serving;
  const router = createConnectRouter({
    interceptors,
    shutdownSignal,
    readMaxBytes: limits.maxBytes,
    ...(registry && { jsonOptions: { registry } }),
  });
  for (const { method, impl, kind } of specs) {
    // On streams each message would be compressed for each subscriber anew.
    const acceptCompression = kind === 'unary' ? [compressionGzip] : [];
    router.rpc(method as DescMethod, impl as MethodImpl<DescMethod>, { acceptCompression, compressMinBytes: 4_096 });
  }
  const handlers = router.handlers.map((handler) => {
    const stream = frames.get(handler.method);
    return stream ? sendFrames(handler, stream, serving) : handler;
  });
  const rpcs = handlers.map((handler) => ({
    verb: 'POST',
    path: handler.requestPath,
    name: handler.requestPath.slice(1),
    serve: (...[call, req, res]: Parameters<Endpoints[number]['serve']>) =>
      serveRpc(handler, call, req, res, { ...limits, registry }),
  }));
  const unary = new Map(specs.flatMap((spec) => (spec.kind === 'unary' ? [[spec.method as DescMethod, spec]] : [])));
  const paths = routesOf([...unary.keys()]).map((route) => ({
    verb: route.verb,
    path: route.path,
    name: `${route.verb} ${route.path}`,
    serve: (...[call, req, res]: Parameters<Endpoints[number]['serve']>) =>
      serveRest(route, unary.get(route.method)!, call, req, res, serving),
  }));
  return [...rpcs, ...paths];
}
