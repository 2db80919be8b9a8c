// An OAuth 2.0 authorization server with one protected resource, for the tests of this project. It is oidc-provider
// with what Tango's documentation adds: the password grant, which oidc-provider leaves to its users, and an audience
// that decides the lifetime of a token. README.md says how to run it.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';

import { calculateJwkThumbprint, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';
// Internal modules of oidc-provider, which its own grants and resources use. The package does not export them, so
// package.json names an exact version.
import * as grants from 'oidc-provider/lib/helpers/grants.js';
import validatePresence from 'oidc-provider/lib/helpers/validate_presence.js';
import errorHandler from 'oidc-provider/lib/shared/error_handler.js';
import wwwAuthenticate from 'oidc-provider/lib/shared/set_www_authenticate_header.js';

import { dpopCheck } from './dpop.mjs';

const ACCOUNTS_PATH = '/raas/v2/accounts';
const SCOPE = 'raas.all';
const PROOF_ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];
const TTL_SECONDS = new Map([
  ['https://api.tangocard.com/', 86_400],
  ['https://api.tangocard.com', 86_400],
  ['api.bhn.com/fiveminute', 300],
  ['tango-api.bhn.com/fiveminute', 300],
]);

/** Returns a Provider with one client and one user. Other features of oidc-provider are turned off. */
async function authorizationServer(issuer, credentials, { dpop, requireNonce, dpopBound, noGrant }) {
  const { clientId, clientSecret, username, password } = credentials;
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(issuer, {
    jwks: { keys: [await exportJWK(privateKey)] },
    routes: { token: '/oauth/token' },
    scopes: [SCOPE],
    responseTypes: [],
    clientAuthMethods: ['client_secret_post'],
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: noGrant ? [] : ['password'],
      response_types: [],
      dpop_bound_access_tokens: dpopBound,
    }],
    findAccount: (ctx, id) => (id === username ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
    ...(dpop && { enabledJWA: { dPoPSigningAlgValues: PROOF_ALGORITHMS } }),
    ttl: { AccessToken: (ctx, token) => token.resourceServer.accessTokenTTL },
    features: {
      // Without the option oidc-provider's default applies: proofs are checked if present, and need no nonce.
      ...(dpop && { dPoP: { nonceSecret: randomBytes(32), requireNonce: () => requireNonce } }),
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
  });
  provider.registerGrantType('password', passwordGrant(password), ['username', 'password', 'scope', 'audience']);
  const check = dpop
    ? dpopCheck({
      provider,
      jwks: await published(publicKey),
      url: issuer + ACCOUNTS_PATH,
      audiences: [...TTL_SECONDS.keys()],
      requireNonce,
    })
    : (ctx) => checkAccessToken(provider, publicKey, ctx);
  provider.use(accounts(provider, check));
  // oidc-provider validates a client at its first look-up. Do it now, so that a wrong ID or secret fails at the start.
  await provider.Client.find(clientId);
  return provider;
}

/** Returns the JWKS that oidc-provider publishes for its one key. */
async function published(publicKey) {
  const jwk = await exportJWK(publicKey);
  return { keys: [{ ...jwk, kid: await calculateJwkThumbprint(jwk) }] };
}

/** Implements RFC 6749 section 4.3, in the order of oidc-provider's client credentials grant. */
function passwordGrant(password) {
  return async function handler(ctx) {
    const { client, params, provider, requestParamScopes } = ctx.oidc;
    validatePresence(ctx, 'username', 'password', 'scope', 'audience');
    const proof = await grants.validateDpop(provider, ctx);
    grants.checkDpopRequired(provider, ctx, proof);

    const resourceServer = findResourceServer(provider, params.audience);
    for (const scope of requestParamScopes) {
      if (!resourceServer.scopes.has(scope)) throw new errors.InvalidScope('requested scope is not allowed', scope);
    }
    const account = await grants.findAccount(provider, ctx, params.username);
    if (!account || params.password !== password) throw new errors.InvalidGrant('unknown username or wrong password');

    const token = new provider.AccessToken({
      accountId: account.accountId,
      client,
      resourceServer,
      scope: params.scope,
    });
    if (proof) {
      await grants.checkDpopReplay(provider, ctx, proof, client.clientId);
      token.setThumbprint('jkt', proof.thumbprint);
    }
    ctx.oidc.entity('AccessToken', token);
    ctx.body = grants.buildTokenResponse(provider, {
      accessToken: await token.save(),
      expiresIn: token.expiration,
      scope: token.scope,
      tokenType: token.tokenType,
    });
  };
}

/** Returns the ResourceServer of an audience. oidc-provider's own look-up requires a URL (RFC 8707). */
function findResourceServer(provider, audience) {
  if (!TTL_SECONDS.has(audience)) throw new errors.InvalidTarget('unknown audience');
  return new provider.ResourceServer(audience, {
    scope: SCOPE,
    accessTokenTTL: TTL_SECONDS.get(audience),
    accessTokenFormat: 'jwt',
  });
}

/** The protected resource, with the RFC 6750 challenges and JSON errors of oidc-provider's own resources. */
function accounts(provider, check) {
  const handleErrors = errorHandler();
  const challenge = wwwAuthenticate();
  return async function route(ctx, next) {
    if (ctx.method !== 'GET' || ctx.path !== ACCOUNTS_PATH) return next();
    // oidc-provider takes the expected `htu` of a DPoP proof from its route table, which does not have this path.
    const urlFor = () => provider.issuer + ACCOUNTS_PATH;
    ctx.oidc = Object.assign(new provider.OIDCContext(ctx), { urlFor });
    return handleErrors(ctx, () => challenge(ctx, async () => {
      await check(ctx);
      ctx.body = { accounts: [] };
    }));
  };
}

/** Validates the JWT by its signature and claims (RFC 9068 section 4), since it is not stored. */
async function checkAccessToken(provider, publicKey, ctx) {
  const value = ctx.oidc.getAccessToken({ acceptDPoP: true });
  const proof = await grants.validateDpop(provider, ctx, value);
  const { payload } = await jwtVerify(value, publicKey, {
    algorithms: ['RS256'],
    audience: [...TTL_SECONDS.keys()],
    issuer: provider.issuer,
    typ: 'at+jwt',
  }).catch((cause) => { throw new errors.InvalidToken({ cause }); });
  const jkt = payload.cnf?.jkt;
  ctx.oidc.entity('AccessToken', { jkt }); // so that the challenge of an error names the right scheme
  // A bound token needs a proof, and a token that is not bound must not have one.
  if (jkt !== proof?.thumbprint) throw new errors.InvalidToken('failed jkt verification');
  await grants.checkDpopReplay(provider, ctx, proof, payload.client_id, errors.InvalidToken);
}

function environment(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is missing`);
  return value;
}

// oidc-provider writes notices to console.info; standard output is reserved for the line of JSON.
console.info = console.error;

const { values } = parseArgs({
  options: {
    cert: { type: 'string' },
    key: { type: 'string' },
    dpop: { type: 'boolean', default: false },
    'require-nonce': { type: 'boolean', default: false },
    'dpop-bound': { type: 'boolean', default: false },
    'no-grant': { type: 'boolean', default: false },
  },
});
const { cert, key, dpop, 'require-nonce': requireNonce, 'dpop-bound': dpopBound, 'no-grant': noGrant } = values;
if (!cert || !key || (!dpop && (requireNonce || dpopBound))) {
  throw new Error('usage: node server.mjs --cert FILE --key FILE [--dpop [--require-nonce] [--dpop-bound]] [--no-grant]');
}

// The issuer contains the port, so the server has to listen first.
const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
await once(server.listen(0, '127.0.0.1'), 'listening');
const issuer = `https://localhost:${server.address().port}`;

const provider = await authorizationServer(issuer, {
  clientId: environment('TANGO_CLIENT_ID'),
  clientSecret: environment('TANGO_CLIENT_SECRET'),
  username: environment('TANGO_USERNAME'),
  password: environment('TANGO_PASSWORD'),
}, { dpop, requireNonce, dpopBound, noGrant });
server.on('request', provider.callback());

const stop = () => process.exit();
process.once('SIGTERM', stop);
process.stdin.once('end', stop).resume();

console.log(JSON.stringify({
  issuer,
  token_url: provider.urlFor('token'),
  jwks_url: provider.urlFor('jwks'),
  accounts_url: issuer + ACCOUNTS_PATH,
}));
