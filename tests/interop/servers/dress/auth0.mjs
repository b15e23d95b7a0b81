// Auth0 with its own token profile: `typ` is JWT, the issuer ends with a slash, the client is in `azp`.
export default {
  path: '/',
  named: 'https://interop.eu.auth0.example/',
  routes: { jwks: '/.well-known/jwks.json', token: '/oauth/token' },
  algorithms: ['RS256', 'PS256', 'ES256'],
  keyId: (alg, at) => `NkJCQzIyQzRBMEU4NjhGNUU4MzU4_${alg}${at}`,
  header: { typ: 'JWT' },
  claims: ({ iss, aud, exp, iat, scope, client_id, cnf }) => ({
    iss, sub: `${client_id}@clients`, aud, iat, exp, scope, gty: 'client-credentials', azp: client_id,
    permissions: scope?.split(' ') ?? [], cnf,
  }),
};
