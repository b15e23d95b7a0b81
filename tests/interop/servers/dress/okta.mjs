// Okta, a custom authorization server: no `typ`, the client in `cid`, scopes as an array in `scp`.
export default {
  path: '/oauth2/default',
  named: 'https://interop.okta.example/oauth2/default',
  routes: { jwks: '/v1/keys', token: '/v1/token' },
  algorithms: ['RS256', 'PS256'],
  keyId: (_, at) => `wU3ifIIaLOUAReRB_${at}`,
  header: { typ: undefined },
  claims: ({ iss, aud, exp, iat, jti, scope, client_id, cnf }) => ({
    ver: 1, jti: `AT.${jti}`, iss, aud, iat, exp, cid: client_id, scp: scope?.split(' '), sub: client_id, cnf,
  }),
};
