import { createServer, type Server } from 'node:http';

const COUNTRIES = [
  { code: 'CH', name: 'Switzerland' },
  { code: 'FR', name: 'France' },
  { code: 'JP', name: 'Japan' },
];

/** The API of the sample: it has never heard of OAuth and trusts whoever reaches it. */
export function createLegacyApi(): Server {
  return createServer((request, response) => {
    const answers: Record<string, unknown> = {
      '/travel/v1/countries': { countries: COUNTRIES, seen_by_the_api_as: request.headers['x-user'] },
      '/status': { status: 'up' },
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify(answer ?? { error: 'not_found' })}\n`);
  });
}
