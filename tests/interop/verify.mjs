// Verifies DPoP proofs (RFC 9449 section 4.3) with npm's jose. Reads requests from standard input and prints results,
// each as one line of JSON, which README.md describes. verify.py does the same with another library.

import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';

import { calculateJwkThumbprint, compactVerify, EmbeddedJWK } from 'jose';

const MAX_AGE_SECONDS = 60;
const MIN_JTI_LENGTH = 16; // 96 bits in base64url
const CURVES = { ES256: 'P-256', ES384: 'P-384', EdDSA: 'Ed25519' };
const PUBLIC_MEMBERS = {
  ES256: ['crv', 'kty', 'x', 'y'],
  ES384: ['crv', 'kty', 'x', 'y'],
  EdDSA: ['crv', 'kty', 'x'],
  RS256: ['e', 'kty', 'n'],
  PS256: ['e', 'kty', 'n'],
};

async function verify({ proof, htm, htu, ath, nonce, jkt, alg }) {
  const { protectedHeader, payload } = await compactVerify(proof, EmbeddedJWK, { algorithms: [alg] });

  const { jwk, ...header } = protectedHeader;
  expectEqual('the header beside jwk', header, { typ: 'dpop+jwt', alg });
  expectEqual('the members of jwk', Object.keys(jwk).sort(), PUBLIC_MEMBERS[alg]);
  expectEqual('crv', jwk.crv, CURVES[alg]);
  expectEqual('the thumbprint', await calculateJwkThumbprint(jwk), jkt);

  const { jti, iat, ...claims } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  const given = Object.entries({ ath, nonce }).filter(([, value]) => value !== null);
  expectEqual('the claims beside jti and iat', claims, { htm, htu, ...Object.fromEntries(given) });
  expect(typeof jti === 'string' && jti.length >= MIN_JTI_LENGTH, `jti is ${JSON.stringify(jti)}`);
  expect(Number.isInteger(iat), `iat is ${JSON.stringify(iat)}, not an integer`);
  const age = Date.now() / 1000 - iat;
  expect(Math.abs(age) <= MAX_AGE_SECONDS, `iat is ${age} seconds ago`);
}

function expect(holds, why) {
  if (!holds) throw new Error(why);
}

function expectEqual(what, actual, expected) {
  expect(isDeepStrictEqual(actual, expected), `${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  // Any exception, also one of the library, means that the proof was not verified.
  const result = await Promise.resolve(line).then(JSON.parse).then(verify)
    .then(() => ({ ok: true }), (error) => ({ ok: false, why: error.message }));
  console.log(JSON.stringify(result));
}
