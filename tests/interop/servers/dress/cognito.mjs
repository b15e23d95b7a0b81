// Amazon Cognito, an access token of a machine: no `typ`, and `aud` only for a resource. There are two RSA keys, and one of
// them signs access tokens. There is also a key for PS256, which Cognito does not use.
const UNBOUND = 'https://my-api-server.org';

export default {
  path: '/us-east-1_TestPool1',
  named: 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_TestPool1',
  routes: { jwks: '/.well-known/jwks.json', token: '/oauth2/token' },
  algorithms: ['RS256', 'RS256', 'PS256'],
  keyId: (_, at) => `abcDEF${at}/+example=`,
  header: { typ: undefined },
  claims: ({ iss, exp, iat, jti, scope, client_id, aud, cnf }) => ({
    sub: client_id, token_use: 'access', scope, auth_time: iat, iss, exp, iat, version: 2, jti, client_id, cnf,
    aud: aud === UNBOUND ? null : aud,
  }),
};
