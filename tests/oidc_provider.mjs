// A real provider (oidc-provider) on loopback, with a client for each method of authentication, for oidc_provider.rs.
// Started by scripts/interop-client. Prints its address when it is ready; GET /client-keys has the clients' private keys.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const API = 'https://my-api-server.org';
const SCOPE = `${API}/api.read ${API}/api.write`;

const pair = (alg) => {
  const { privateKey, publicKey } =
    alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519');
  const named = (key) => ({ ...key.export({ format: 'jwk' }), alg, use: 'sig', kid: `key-${alg}` });
  return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }), jwk: named(publicKey), own: named(privateKey) };
};

const algs = ['RS256', 'ES256', 'EdDSA'];
const keys = Object.fromEntries(algs.map((alg) => [alg, pair(alg)]));
const grant = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'], scope: SCOPE };
const secret = 'a secret: %+/=&~'; // what RFC 6749 Appendix A.2 allows, and this provider takes nothing else

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [pair('RS256').own] },
    scopes: SCOPE.split(' '),
    clients: [
      { client_id: 'by basic', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic', ...grant },
      { client_id: 'by-post', client_secret: secret, token_endpoint_auth_method: 'client_secret_post', ...grant },
      ...algs.map((alg) => ({
        client_id: `by-${alg}`, token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: alg, jwks: { keys: [keys[alg].jwk] }, ...grant,
      })),
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => API,
        getResourceServerInfo: async (_, resource) => ({
          audience: resource, accessTokenTTL: 3600, accessTokenFormat: 'jwt', scope: SCOPE,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url !== '/client-keys') return answer(request, response);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Object.fromEntries(algs.map((alg) => [alg, keys[alg].pem]))));
  });
  console.log(`ready ${issuer}`);
});
