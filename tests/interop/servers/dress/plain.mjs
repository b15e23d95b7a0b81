// The default of oidc-provider: RFC 9068.
export default {
  path: '',
  algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  keyId: (alg, at) => `${alg}-${at}`,
  header: {},
  claims: (claims) => claims,
};
