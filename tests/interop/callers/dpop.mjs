// A client with DPoP (RFC 9449): openid-client or oauth4webapi, the argument. It gets one token with its key, sends a request to
// each URL, and reports the parsed challenge of the scheme DPoP.
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { createInterface } from 'node:readline';

const withOpenidClient = async (job) => {
  const config = await openid.discovery(
    new URL(job.issuer), job.client_id, undefined, openid.ClientSecretPost(job.client_secret),
    { execute: [openid.allowInsecureRequests] }, // loopback has no TLS
  );
  const handle = async () => openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
  const own = await handle();
  const parameters = { scope: job.scope, resource: job.resource };
  const tokens = await openid.clientCredentialsGrant(config, parameters, { DPoP: own });
  return {
    type: tokens.token_type,
    other: handle,
    // It repeats a request for a nonce itself.
    get: (url, key) => openid.fetchProtectedResource(
      config, tokens.access_token, new URL(url), 'GET', null, undefined, { DPoP: key ?? own },
    ),
  };
};

const withOauth4webapi = async (job) => {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const [client, server] = [{ client_id: job.client_id }, { issuer: job.issuer, token_endpoint: job.token_endpoint }];
  const handle = async () => oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const own = await handle();
  const parameters = new URLSearchParams({ scope: job.scope, resource: job.resource });
  const response = await oauth.clientCredentialsGrantRequest(
    server, client, oauth.ClientSecretPost(job.client_secret), parameters, { DPoP: own, ...insecure },
  );
  const tokens = await oauth.processClientCredentialsResponse(server, client, response);
  const send = (url, key) => oauth.protectedResourceRequest(
    tokens.access_token, 'GET', new URL(url), undefined, null, { DPoP: key, ...insecure },
  );
  return {
    type: tokens.token_type,
    other: handle,
    // As its documentation recommends: once more, if the API requires a nonce.
    get: (url, key = own) => send(url, key).catch((error) => {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return send(url, key);
    }),
  };
};

const LIBRARIES = { 'openid-client': withOpenidClient, oauth4webapi: withOauth4webapi };
const connect = LIBRARIES[process.argv[2]];

const call = async (client, url, key) => {
  try {
    const response = await client.get(url, key);
    return { status: response.status, body: await response.text() };
  } catch (error) {
    if (!Array.isArray(error.cause)) throw error;
    const dpop = error.cause.filter(({ scheme }) => scheme === 'dpop');
    return { status: error.response.status, challenge: dpop.length === 1 ? dpop[0].parameters : null };
  }
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const job = JSON.parse(line);
  let answer;
  try {
    const client = await connect(job);
    const key = job.with_other_key ? await client.other() : undefined;
    const seen = [];
    for (const url of job.urls) seen.push(await call(client, url, key));
    answer = { token_type: client.type, seen };
  } catch (error) {
    answer = { failure: `${error.code ?? ''} ${error.message}`.slice(0, 200) };
  }
  console.log(JSON.stringify(answer));
}
