// oidc-provider on loopback with the settings in `dress/NAME.mjs`. NAME is the first argument. It prints one line of JSON
// when it is ready. /control/… rotates its keys and sets faults; real servers do not have this path.
//
// The query of a token request can change the token: `alg`, `opaque`, and the JSON objects `claims` and `header`, in which
// null removes a member. So invalid tokens have valid signatures.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

import { answer } from './key_faults.mjs';
import { pair } from './keys.mjs';

const API = 'https://my-api-server.org';
const OTHER_API = 'https://another-api-server.org';
const SCOPE = `${API}/api.read ${API}/api.write`;
const SECRET = 'a secret: %+/=&~'; // allowed by RFC 6749 Appendix A.2; this provider accepts no other characters

const { default: dress } = await import(`./dress/${process.argv[2]}.mjs`);

let generation = 0;
const makeKeys = () => {
  generation += 1;
  return dress.algorithms.map((alg, at) => pair(alg, dress.keyId(alg, `${generation}${at}`)).own);
};

const clientKeys = Object.fromEntries(['RS256', 'ES256', 'EdDSA'].map((alg) => [alg, pair(alg, `key-${alg}`)]));
const grant = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'], scope: SCOPE };
const clients = [
  ...Object.entries({ 'by-basic': 'by-basic-secret', 'by basic': SECRET }).map(([client_id, client_secret]) => ({
    client_id, client_secret, token_endpoint_auth_method: 'client_secret_basic', ...grant,
  })),
  ...['by-post', 'another'].map((client_id) => ({
    client_id, client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post', ...grant,
  })),
  ...Object.entries(clientKeys).map(([alg, { jwk }]) => ({
    // Without `alg`, because EdDSA has two names (RFC 9864).
    client_id: `by-${alg}`, token_endpoint_auth_method: 'private_key_jwt', ...grant,
    jwks: { keys: [{ ...jwk, alg: undefined }] },
  })),
  {
    client_id: 'by-certificate', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post',
    tls_client_certificate_bound_access_tokens: true, ...grant,
  },
];

const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

const provider = (issuer, keys, named) => new Provider(issuer, {
  jwks: { keys },
  clients,
  scopes: SCOPE.split(' '),
  routes: dress.routes,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true },
    // As behind a proxy that terminates TLS, and passes the client's certificate on.
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (ctx) => decodeURIComponent(ctx.get('x-client-certificate')),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => API,
      getResourceServerInfo: async (ctx, resource) => ({
        audience: resource,
        accessTokenTTL: 3600,
        accessTokenFormat: ctx.query.opaque === undefined ? 'jwt' : 'opaque',
        scope: [API, OTHER_API].includes(resource) ? SCOPE : '',
        jwt: { sign: { alg: ctx.query.alg ?? 'RS256' } },
      }),
    },
  },
  formats: {
    customizers: {
      jwt: (ctx, _, jwt) => {
        const { claims = '{}', header = '{}' } = ctx.query;
        jwt.header = { ...dress.header, ...JSON.parse(header) };
        // After the library has checked that there is an audience.
        const toJSON = function () {
          const written = dress.claims({ ...this, iss: named });
          return present({ ...written, ...JSON.parse(claims) });
        };
        Object.defineProperty(jwt.payload, 'toJSON', { value: toJSON });
      },
    },
  },
});

// The parent process has ended.
process.stdin.resume().on('end', () => process.exit());

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const issuer = `${origin}${dress.path}`;
  const mount = dress.path.replace(/\/$/, '');
  const named = dress.named ?? issuer;
  const jwks = `${mount}${dress.routes?.jwks ?? '/jwks'}`;
  let keys = makeKeys();
  let now = provider(issuer, keys, named);
  const state = { fault: 'none', fetches: 0 };

  const control = {
    '/control/rotate': ({ overlap }) => {
      const fresh = makeKeys();
      keys = overlap === 'true' ? [...fresh, ...keys.slice(0, fresh.length)] : fresh;
      now = provider(issuer, keys, named);
      return {};
    },
    '/control/fault': ({ kind }) => {
      state.fault = kind;
      return {};
    },
    '/control/fetches': () => state.fetches,
    '/control/client-keys': () => Object.fromEntries(Object.entries(clientKeys).map(([alg, key]) => [alg, key.pem])),
    // As after a login: created by the provider's own class, for a client that is also an audience.
    '/control/id-token': async ({ client }) => {
      const { IdToken, Client } = provider(named, keys, named);
      const token = new IdToken({ sub: 'somebody' }, { client: await Client.find(client) });
      Object.entries({ sub: 'somebody', nonce: 'n-0S6_WzA2Mj' }).forEach(([name, value]) => token.set(name, value));
      return token.issue({ use: 'idtoken' });
    },
  };

  server.on('request', async (request, response) => {
    const url = new URL(request.url, origin);
    const command = control[url.pathname];
    if (command) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(await command(Object.fromEntries(url.searchParams))));
      return;
    }
    const serve = () => {
      request.originalUrl = request.url;
      if (mount && request.url.startsWith(`${mount}/`)) request.url = request.url.slice(mount.length);
      now.callback()(request, response);
    };
    if (url.pathname !== jwks) return serve();
    state.fetches += 1;
    answer(state.fault, response, serve);
  });
  const tokenEndpoint = `${origin}${mount}${dress.routes?.token ?? '/token'}`;
  console.log(JSON.stringify({ origin, address: issuer, issuer: named, tokenEndpoint, jwksUri: `${origin}${jwks}` }));
});
