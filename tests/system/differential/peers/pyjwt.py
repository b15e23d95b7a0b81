"""PyJWT, with the key of `kid`, algorithms, issuer and audience; `exp` is required."""

import datetime
import json

import jwt
import jwt.api_jwt

from lines import Refused, check_application, judge


def stop_the_clock(now):
    """PyJWT has no setting for the current time, so its module gets a `datetime` with a fixed time."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(now, tz)

    jwt.api_jwt.datetime = Stopped


def prepare(shape, settings):
    stop_the_clock(settings["now"])
    keys = jwt.PyJWKSet.from_json(json.dumps(shape["jwks"]))
    audience = None if shape["profile"] == "Cognito" else settings["audience"]

    def verify(token):
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in keys.keys if key.key_id == kid and kid is not None), None)
        if key is None:
            raise Refused("kid")
        verified = jwt.decode_complete(
            token,
            key,
            algorithms=shape["algorithms"],
            issuer=shape["issuer"],
            audience=audience,
            leeway=settings["leeway"],
            options={"require": ["exp", "iss"] + ([] if audience is None else ["aud"])},
        )
        check_application(shape, settings, verified["header"], verified["payload"])

    return verify


judge(prepare)
