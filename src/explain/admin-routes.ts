import * as z from 'zod';
import type { ListenConfig } from '../config/schema.ts';
import { section } from '../config/section.ts';
import { GatewayError } from '../errors.ts';
import { type AdminRoute, json } from '../observe/admin-listener.ts';
import { documentOf } from './document.ts';
import { type Deciding, explainRequest } from './explain.ts';
import type { RecentRefusals } from './recent-refusals.ts';
import { parseRequest, type Question, UnreadableRequest } from './request.ts';

const question = section({ method: z.string(), url: z.string(), headers: z.array(z.string()).default([]) });

/**
 * Explains requests on the admin address: one that is described, or one that was refused.
 *
 * @param listen the limits of requests as of now
 * @param deciding what decides about them as of now
 */
export function createExplainRoutes(
  refusals: RecentRefusals,
  listen: () => ListenConfig,
  deciding: () => Deciding,
): readonly AdminRoute[] {
  return [
    {
      method: 'POST',
      path: '/explain',
      async answer({ body }) {
        const asked = readQuestion(await body());
        const request = await parseRequest(asked, listen()).catch(refuseUnreadable);
        try {
          const explanation = await explainRequest(request, deciding());
          return json(200, documentOf(explanation, { request: `${asked.method} ${request.url}`, unchecked: [] }));
        } finally {
          request.socket.destroy();
        }
      },
    },
    {
      method: 'GET',
      path: '/explain',
      answer: ({ query }) => json(200, refusals.explain(query.get('request') ?? '')),
    },
  ];
}

function readQuestion(body: string): Question {
  try {
    return question.parse(JSON.parse(body));
  } catch (cause) {
    throw new GatewayError('invalid_request', {
      description: 'The body is JSON with the texts method and url, and a list of headers if wanted.',
      cause,
    });
  }
}

function refuseUnreadable(cause: unknown): never {
  if (!(cause instanceof UnreadableRequest)) throw cause;
  throw new GatewayError('invalid_request', { description: cause.message, cause });
}
