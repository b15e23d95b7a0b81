"""FastAPI and PyJWT as their pages document them: FastAPI's `HTTPBearer`, PyJWT's `PyJWKClient`, and a list of algorithms,
issuer, audience and required claims for `decode`. The scope is compared here, because neither package has it."""

import os

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

keys = jwt.PyJWKClient(os.environ["OAUTH_JWKS_URI"])
bearer = HTTPBearer()
app = FastAPI()


def claims(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> dict:
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        return jwt.decode(
            credentials.credentials,
            key,
            algorithms=["RS256"],
            issuer=os.environ["OAUTH_ISSUER"],
            audience=os.environ["OAUTH_AUDIENCE"],
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError:
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


@app.get("/orders")
def orders(claims: dict = Depends(claims)) -> str:
    if os.environ["OAUTH_SCOPE"] not in claims.get("scope", "").split():
        raise HTTPException(403, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    return "orders"


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
