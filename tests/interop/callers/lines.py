"""Reads jobs as JSON documents, one per line, and writes the result of each."""

import json
import sys

import requests.utils


class Cannot(Exception):
    """Raised if the client does not support a job."""


def serve(fetch, call):
    """`fetch` returns an access token for a job. `call` returns a response of `requests` for a token and a URL."""
    for line in sys.stdin:
        job = json.loads(line)
        try:
            token = job["token"] if "token" in job else fetch(job)
            seen = view(call(token, job["url"]))
        except Cannot as cannot:
            seen = {"cannot": str(cannot)}
        # An exception of the client is its result.
        except Exception as error:
            seen = {"failure": getattr(error, "error", None) or f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(seen), flush=True)


def view(response):
    scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
    return {
        "status": response.status_code,
        "body": response.text,
        # The parser that `requests` uses itself for Digest.
        "challenge": requests.utils.parse_dict_header(rest) if scheme == "Bearer" else None,
        "retry_after": response.headers.get("retry-after"),
    }
