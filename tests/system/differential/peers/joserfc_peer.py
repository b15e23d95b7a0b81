"""joserfc, with key set, algorithms, and rules for `iss`, `aud` and `exp`."""

from joserfc import jwt
from joserfc.jwk import KeySet

from lines import check_application, judge


def prepare(shape, settings):
    keys = KeySet.import_key_set(shape["jwks"])
    rules = {"iss": {"essential": True, "value": shape["issuer"]}, "exp": {"essential": True}}
    if shape["profile"] != "Cognito":
        rules["aud"] = {"essential": True, "value": settings["audience"]}
    claims = jwt.JWTClaimsRegistry(now=settings["now"], leeway=settings["leeway"], **rules)

    def verify(token):
        verified = jwt.decode(token, keys, algorithms=shape["algorithms"])
        claims.validate(verified.claims)
        check_application(shape, settings, verified.header, verified.claims)

    return verify


judge(prepare)
