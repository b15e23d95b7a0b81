"""requests-oauthlib: its session for the client credentials grant."""

import os

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from lines import Cannot, serve

# Loopback has no TLS.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def fetch(job):
    if job["method"] not in ("client_secret_basic", "client_secret_post"):
        raise Cannot("it signs no assertions")
    session = OAuth2Session(client=BackendApplicationClient(job["client_id"], scope=job["scope"]))
    more = {"resource": job["resource"]} if job["resource"] else {}
    if job["method"] == "client_secret_basic":
        more["auth"] = HTTPBasicAuth(job["client_id"], job["client_secret"])
    else:
        more |= {"include_client_id": True, "client_secret": job["client_secret"]}
    return session.fetch_token(job["token_endpoint"], **more)["access_token"]


def call(token, url):
    session = OAuth2Session(token=token and {"access_token": token, "token_type": "Bearer"})
    return session.get(url, timeout=20, withhold_token=token is None)


serve(fetch, call)
