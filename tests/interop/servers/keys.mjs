// Pairs of keys. As a program: a private key set for the algorithms that are its arguments, whose key ids begin with the
// first argument.
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

export const pair = (alg, kid) => {
  const { privateKey, publicKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : alg === 'EdDSA' ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const named = (key) => ({ ...key.export({ format: 'jwk' }), alg, use: 'sig', kid });
  return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }), jwk: named(publicKey), own: named(privateKey) };
};

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [prefix, ...algs] = process.argv.slice(2);
  console.log(JSON.stringify({ keys: algs.map((alg) => pair(alg, `${prefix}-${alg}`).own) }));
}
