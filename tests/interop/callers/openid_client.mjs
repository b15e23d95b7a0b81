// openid-client: discovers the issuer, and reports the parsed challenge.
import * as client from 'openid-client';
import { importPKCS8 } from 'jose';
import { createInterface } from 'node:readline';

const authentication = async (job) => {
  switch (job.method) {
    case 'client_secret_basic': return client.ClientSecretBasic(job.client_secret);
    case 'client_secret_post': return client.ClientSecretPost(job.client_secret);
    default: {
      const key = await importPKCS8(job.private_key, job.algorithm);
      const toEndpoint = (_, claims) => { claims.aud = job.token_endpoint; };
      const options = job.assertions_for_endpoint ? { [client.modifyAssertion]: toEndpoint } : {};
      return client.PrivateKeyJwt({ key, kid: job.key_id }, options);
    }
  }
};

const insecure = { execute: [client.allowInsecureRequests] }; // loopback has no TLS

const fetchToken = async (job) => {
  const config = await client.discovery(
    new URL(job.issuer), job.client_id, undefined, await authentication(job), insecure,
  );
  const more = job.resource ? { resource: job.resource } : {};
  const tokens = await client.clientCredentialsGrant(config, { scope: job.scope, ...more });
  return tokens.access_token;
};

const view = async (response, challenge) => ({
  status: response.status,
  body: await response.text(),
  challenge,
  retry_after: response.headers.get('retry-after'),
});

const call = async (token, url) => {
  const config = new client.Configuration({ issuer: 'https://nobody.example' }, 'nobody');
  client.allowInsecureRequests(config);
  try {
    return await view(await client.fetchProtectedResource(config, token, new URL(url), 'GET'), null);
  } catch (error) {
    if (!(error instanceof client.WWWAuthenticateChallengeError)) throw error;
    const bearer = error.cause.filter(({ scheme }) => scheme === 'bearer');
    return view(error.response, bearer.length === 1 ? bearer[0].parameters : null);
  }
};

// A response of the token endpoint with a challenge (for Basic, RFC 6749 section 5.2) is reported as a challenge.
const reason = async (error) => {
  if (error instanceof client.WWWAuthenticateChallengeError) return (await error.response.json()).error;
  return error.error ?? `${error.code ?? ''} ${error.message}`.slice(0, 200);
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const job = JSON.parse(line);
  let seen;
  try {
    seen = job.token === null
      ? { cannot: 'it does not call without a token' }
      : await call(job.token ?? (await fetchToken(job)), job.url);
  } catch (error) {
    seen = { failure: await reason(error) };
  }
  console.log(JSON.stringify(seen));
}
