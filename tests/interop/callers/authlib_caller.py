"""authlib: its session over requests."""

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, OKPKey, RSAKey

from lines import serve

KEYS = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}


def fetch(job):
    method, secret = job["method"], job.get("client_secret")
    if method == "private_key_jwt":
        secret = KEYS[job["algorithm"]].import_key(job["private_key"])
        headers = {"kid": job["key_id"]}
        method = PrivateKeyJWT(job["token_endpoint"], alg=job["algorithm"], headers=headers)
    session = OAuth2Session(job["client_id"], secret, token_endpoint_auth_method=method, scope=job["scope"])
    more = {"resource": job["resource"]} if job["resource"] else {}
    return session.fetch_token(job["token_endpoint"], grant_type="client_credentials", **more)["access_token"]


def call(token, url):
    session = OAuth2Session(token=token and {"access_token": token, "token_type": "Bearer"})
    return session.get(url, timeout=20, withhold_token=token is None)


serve(fetch, call)
