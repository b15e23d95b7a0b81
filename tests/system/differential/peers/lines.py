"""Reads the settings and then tokens as JSON documents, one per line. Writes one verdict for each token."""

import json
import sys


class Refused(Exception):
    """Raised if the application, and not the library, rejects a token."""


def judge(prepare):
    """`prepare` returns a function for a shape and the settings. It returns for a valid token, and raises for another."""
    settings = json.loads(sys.stdin.readline())
    verify = {name: prepare(shape, settings) for name, shape in settings["shapes"].items()}
    for line in sys.stdin:
        case = json.loads(line)
        try:
            verify[case["shape"]](case["token"])
            verdict = {"accepted": True, "reason": ""}
        # Any exception rejects the token, even an unexpected one of the library.
        except Exception as error:
            verdict = {"accepted": False, "reason": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps({"name": case["name"], **verdict}))


def check_application(shape, settings, header, claims):
    """Checks of the issuers' documentation that these libraries leave to the application."""
    if shape["profile"] == "Rfc9068":
        typ = header.get("typ")
        # RFC 9068 section 4, RFC 7515 section 4.1.9
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != "at+jwt":
            raise Refused("typ")
    if shape["profile"] == "Cognito":
        if claims.get("token_use") != "access":
            raise Refused("token_use")
        if claims.get("client_id") != settings["client"]:
            raise Refused("client_id")
