"""Reads jobs, one JSON document in a line; writes what came of each."""

import json
import sys

import requests.utils


class Cannot(Exception):
    """Raised for what the client has no way to do."""


def serve(fetch, call):
    """`fetch` makes of a job an access token, `call` of a token and an address a response of `requests`."""
    for line in sys.stdin:
        job = json.loads(line)
        try:
            token = job["token"] if "token" in job else fetch(job)
            seen = view(call(token, job["url"]))
        except Cannot as cannot:
            seen = {"cannot": str(cannot)}
        # What a client raises is what it makes of an answer.
        except Exception as error:
            seen = {"failure": getattr(error, "error", None) or f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(seen), flush=True)


def view(response):
    scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
    return {
        "status": response.status_code,
        "body": response.text,
        # As `requests` reads challenges itself, for Digest.
        "challenge": requests.utils.parse_dict_header(rest) if scheme == "Bearer" else None,
        "retry_after": response.headers.get("retry-after"),
    }
