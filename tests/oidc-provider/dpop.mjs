// The protected resource's view of DPoP (RFC 9449 sections 7 and 9): tokens and proofs are validated by oauth4webapi,
// so that neither oidc-provider nor this project judges its own work. Nonces are left to its callers, and are here.

import { randomBytes } from 'node:crypto';

import { decodeJwt } from 'jose';
import { customFetch, validateJwtAccessToken } from 'oauth4webapi';
import { errors } from 'oidc-provider';

/** So many accepted proofs later a nonce is stale. It leaves room for calls that are made at the same time. */
const NONCES_KEPT = 8;
/** The age that oauth4webapi allows a proof, and how far into the future it may be. */
const PROOF_TOLERANCE_SECONDS = 300;

/** The check of one request to `url`, which throws what oidc-provider makes an answer of. */
export function dpopCheck({ provider, jwks, url, audiences, requireNonce }) {
  const authorizationServer = { issuer: provider.issuer, jwks_uri: provider.urlFor('jwks') };
  // The server asks itself: no request, and no certificate of its own to trust.
  const options = { [customFetch]: async () => Response.json(jwks) };
  const freshNonce = () => randomBytes(16).toString('base64url');
  let nonces = [freshNonce()];

  return async function check(ctx) {
    ctx.set({ 'DPoP-Nonce': nonces[0], 'Cache-Control': 'no-store' });
    const token = ctx.oidc.getAccessToken({ acceptDPoP: true });
    const claims = await validate(ctx, token);
    if (!ctx.get('DPoP')) return;

    const proof = decodeJwt(ctx.get('DPoP'));
    if (proof.nonce === undefined ? requireNonce : !nonces.includes(proof.nonce)) {
      throw new errors.UseDpopNonce('a nonce of this resource is needed in the DPoP proof');
    }
    const expiry = proof.iat + PROOF_TOLERANCE_SECONDS;
    if (!await provider.ReplayDetection.unique(claims.client_id, proof.jti, expiry)) {
      throw refusal('the DPoP proof was used before');
    }
    nonces = [freshNonce(), ...nonces].slice(0, NONCES_KEPT);
    ctx.set('DPoP-Nonce', nonces[0]);
  };

  async function validate(ctx, token) {
    try {
      // oauth4webapi expects one audience; this resource has several names.
      const audience = audiences.find((name) => name === decodeJwt(token).aud) ?? audiences[0];
      const request = new Request(url, { method: ctx.method, headers: ctx.headers });
      return await validateJwtAccessToken(authorizationServer, request, audience, options);
    } catch (cause) {
      throw refusal(cause.message, cause);
    }
  }
}

/** Says why, unlike oidc-provider, and without the quotes that RFC 6750 section 3 excludes from a description. */
function refusal(why, cause) {
  return Object.assign(new errors.InvalidToken({ cause }), { error_description: why.replaceAll('"', "'") });
}
