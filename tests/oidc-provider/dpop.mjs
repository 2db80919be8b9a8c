// Validates the DPoP tokens and proofs that the protected resource receives (RFC 9449 sections 7 and 9), with
// oauth4webapi, which is independent of oidc-provider and of this project. oauth4webapi does not handle nonces, so they
// are handled here.

import { randomBytes } from 'node:crypto';

import { decodeJwt } from 'jose';
import { customFetch, validateJwtAccessToken } from 'oauth4webapi';
import { errors } from 'oidc-provider';

/** The number of accepted proofs after which a nonce is stale. It allows for concurrent calls. */
const NONCES_KEPT = 8;
/** How old a proof may be for oauth4webapi, and how far in the future. */
const PROOF_TOLERANCE_SECONDS = 300;

/** Returns a function that checks a request to `url`, and throws an error that oidc-provider turns into a response. */
export function dpopCheck({ provider, jwks, url, audiences, requireNonce }) {
  const authorizationServer = { issuer: provider.issuer, jwks_uri: provider.urlFor('jwks') };
  // The JWKS is the server's own, so oauth4webapi needs no request and no certificate for it.
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
      // oauth4webapi expects one audience, and this resource has several.
      const audience = audiences.find((name) => name === decodeJwt(token).aud) ?? audiences[0];
      const request = new Request(url, { method: ctx.method, headers: ctx.headers });
      return await validateJwtAccessToken(authorizationServer, request, audience, options);
    } catch (cause) {
      throw refusal(cause.message, cause);
    }
  }
}

/** Adds the reason, which oidc-provider omits, without the quotes that RFC 6750 section 3 forbids in a description. */
function refusal(why, cause) {
  return Object.assign(new errors.InvalidToken({ cause }), { error_description: why.replaceAll('"', "'") });
}
