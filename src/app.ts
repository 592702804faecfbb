import Koa from 'koa';
import type { Runtime } from './runtime.ts';
import {
  type AppState,
  answerEndpoint,
  answerErrors,
  authorize,
  forwardUpstream,
  logAccess,
  matchRoute,
  readCertificate,
  readHead,
} from './steps.ts';

/** The way of a request. WebSocket upgrades go the same way in upgrade.ts. */
export function createApp(runtime: Runtime): Koa<AppState> {
  const app = new Koa<AppState>();
  app.silent = true; // The access log tells what went wrong.
  app.use(logAccess(runtime)); //        an id for the request; one log line when it is over
  app.use(answerErrors(runtime)); //     whatever is thrown below, as JSON
  app.use(readHead); //                its host, and one canonical path             or 400, 417
  app.use(readCertificate(runtime)); //  that the client has shown: tls/               or 400
  app.use(answerEndpoint(runtime)); //   /token and the like: oauth/                  … or
  app.use(matchRoute(runtime)); //       the most specific rule: routing/             or 404, 405
  app.use(authorize(runtime)); //        token and scopes: guard/                     or 401, 403
  app.use(forwardUpstream(runtime)); //  streamed both ways: proxy/                   or 413, 502, 503, 504
  return app;
}
