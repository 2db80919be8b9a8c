// An OAuth 2.0 authorization server with one protected resource, for the tests of this project. The protocol is
// oidc-provider's; written here is only what Tango's documentation adds to it: the password grant, which oidc-provider
// leaves to its users, and an audience that decides how long a token lives. README.md says how to run it.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';

import { calculateJwkThumbprint, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { errors, Provider } from 'oidc-provider';
// The parts that oidc-provider's own grants and resources are made of. They are not in the package's index, which is
// one more reason for package.json to name an exact version.
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

/** The Provider with its one client and one user; what oidc-provider offers beyond that is switched off. */
async function authorizationServer(issuer, credentials, { dpop, requireNonce, dpopBound }) {
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
      grant_types: ['password'],
      response_types: [],
      dpop_bound_access_tokens: dpopBound,
    }],
    findAccount: (ctx, id) => (id === username ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
    ...(dpop && { enabledJWA: { dPoPSigningAlgValues: PROOF_ALGORITHMS } }),
    ttl: { AccessToken: (ctx, token) => token.resourceServer.accessTokenTTL },
    features: {
      // Without the option DPoP stays as it is by default: a proof is checked when there is one, and has no nonce.
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
  // A client is checked when it is first looked up. Better now, while whoever chose its id and secret is watching.
  await provider.Client.find(clientId);
  return provider;
}

/** The JWKS that oidc-provider makes of its one key. */
async function published(publicKey) {
  const jwk = await exportJWK(publicKey);
  return { keys: [{ ...jwk, kid: await calculateJwkThumbprint(jwk) }] };
}

/** RFC 6749 section 4.3, in the order of oidc-provider's own client credentials grant. */
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

/** What oidc-provider calls a resource server. Its own lookup insists on a URL (RFC 8707); an audience is opaque. */
function findResourceServer(provider, audience) {
  if (!TTL_SECONDS.has(audience)) throw new errors.InvalidTarget('unknown audience');
  return new provider.ResourceServer(audience, {
    scope: SCOPE,
    accessTokenTTL: TTL_SECONDS.get(audience),
    accessTokenFormat: 'jwt',
  });
}

/** The protected resource, wrapped in what oidc-provider wraps its own in: RFC 6750 challenges and JSON errors. */
function accounts(provider, check) {
  const answerErrors = errorHandler();
  const challenge = wwwAuthenticate();
  return async function route(ctx, next) {
    if (ctx.method !== 'GET' || ctx.path !== ACCOUNTS_PATH) return next();
    // oidc-provider asks its route table for the `htu` of a DPoP proof, and this path is not in it.
    const urlFor = () => provider.issuer + ACCOUNTS_PATH;
    ctx.oidc = Object.assign(new provider.OIDCContext(ctx), { urlFor });
    return answerErrors(ctx, () => challenge(ctx, async () => {
      await check(ctx);
      ctx.body = { accounts: [] };
    }));
  };
}

/** RFC 9068 section 4: a JWT is not stored, so its signature and claims take the place of a lookup. */
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
  ctx.oidc.entity('AccessToken', { jkt }); // makes an error's challenge name the scheme that this token needs
  // Both or neither: a bound token without a proof is as wrong as a proof for a token that is not bound.
  if (jkt !== proof?.thumbprint) throw new errors.InvalidToken('failed jkt verification');
  await grants.checkDpopReplay(provider, ctx, proof, payload.client_id, errors.InvalidToken);
}

function environment(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is missing`);
  return value;
}

// oidc-provider's notices go to console.info; standard output belongs to the one line of JSON.
console.info = console.error;

const { values } = parseArgs({
  options: {
    cert: { type: 'string' },
    key: { type: 'string' },
    dpop: { type: 'boolean', default: false },
    'require-nonce': { type: 'boolean', default: false },
    'dpop-bound': { type: 'boolean', default: false },
  },
});
const { cert, key, dpop, 'require-nonce': requireNonce, 'dpop-bound': dpopBound } = values;
if (!cert || !key || (!dpop && (requireNonce || dpopBound))) {
  throw new Error('usage: node server.mjs --cert FILE --key FILE [--dpop [--require-nonce] [--dpop-bound]]');
}

// The issuer contains the port, so the port comes first.
const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
await once(server.listen(0, '127.0.0.1'), 'listening');
const issuer = `https://localhost:${server.address().port}`;

const provider = await authorizationServer(issuer, {
  clientId: environment('TANGO_CLIENT_ID'),
  clientSecret: environment('TANGO_CLIENT_SECRET'),
  username: environment('TANGO_USERNAME'),
  password: environment('TANGO_PASSWORD'),
}, { dpop, requireNonce, dpopBound });
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
