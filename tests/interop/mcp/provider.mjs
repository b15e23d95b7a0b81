// A real issuer (oidc-provider) on loopback with the clients of examples/mcp-server. Its tokens are for the requested
// resource. It prints its URL when it is ready, and a line for each response before it is sent, in the form of the
// server's access log.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const scopes = ['notes/read', 'notes/write'];
const client = (name, scope) => ({
  client_id: name, client_secret: `${name}-secret`, scope, token_endpoint_auth_method: 'client_secret_basic',
  redirect_uris: [], response_types: [], grant_types: ['client_credentials'],
});
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'one' }] },
    scopes,
    clients: [client('local-agent', scopes.join(' ')), client('local-reader', 'notes/read')],
    clientAuthMethods: ['client_secret_basic'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (_, resource) => ({
          audience: resource, scope: scopes.join(' '), accessTokenTTL: 3600, accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  provider.use(async (context, next) => {
    await next();
    console.log(`response sent method=${context.method} path=${context.path} status=${context.status}`);
  });
  server.on('request', provider.callback());
  console.log(`ready ${issuer}`);
});
