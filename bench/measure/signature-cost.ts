import { generateKeyPair, SignJWT } from 'jose';
import { type Algorithm, AUDIENCE, ISSUER } from '../traffic.ts';

const SIGNATURES = 320;
const AT_ONCE = 16;

/** CPU of one signature of an access token, in this process: main thread and pool together. */
export async function signatureMicroseconds(algorithm: Algorithm): Promise<number> {
  const { privateKey } = await generateKeyPair(algorithm);
  const signOne = () =>
    new SignJWT({ client_id: 'bench', scope: 'bench.read' })
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(privateKey);
  await signMany(signOne, AT_ONCE);
  const before = process.cpuUsage();
  await signMany(signOne, SIGNATURES);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / SIGNATURES;
}

async function signMany(signOne: () => Promise<unknown>, count: number): Promise<void> {
  for (let signed = 0; signed < count; signed += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, signOne));
  }
}
