"""STS: a role is taken on with a web identity only by a token that its trust policy allows; whoever has one needs no key."""

import base64
import json
import time
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse
from werkzeug.exceptions import HTTPException

WITH_WEB_IDENTITY = "AssumeRoleWithWebIdentity"


class Refusal(HTTPException):
    """As services of the query protocol say it."""

    def __init__(self, error, message):
        told = f"<Error><Type>Sender</Type><Code>{error}</Code><Message>{message}</Message></Error>"
        request = "<RequestId>00000000-0000-0000-0000-000000000000</RequestId>"
        super().__init__(f"<ErrorResponse>{told}{request}</ErrorResponse>")
        self.code = 403 if error == "AccessDenied" else 400

    def get_headers(self, *args, **named):
        return [("Content-Type", "text/xml")]


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def fetched(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def checked_claims(token):
    """Claims of a token whose signature is that of its issuer. The issuer may be on loopback, so plain HTTP is taken too."""
    try:
        header, payload, signature = token.split(".")
        claims, named = json.loads(decoded(payload)), json.loads(decoded(header))
        keys = fetched(fetched(claims["iss"] + "/.well-known/openid-configuration")["jwks_uri"])["keys"]
        jwk = next(key for key in keys if key["kid"] == named["kid"])
        numbers = [int.from_bytes(decoded(jwk[part]), "big") for part in ("e", "n")]
        public = rsa.RSAPublicNumbers(*numbers).public_key()
        public.verify(decoded(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), SHA256())
    except (ValueError, KeyError, StopIteration, OSError, InvalidSignature) as error:
        raise Refusal("InvalidIdentityToken", "The web identity token could not be validated.") from error
    if claims["exp"] <= time.time():
        raise Refusal("ExpiredTokenException", "The web identity token that was passed is expired.")
    return claims


def allows(statement, provider, issuer, claims):
    """One statement of a trust policy: its principal, and conditions of the kind StringEquals on claims."""
    if statement.get("Effect") != "Allow" or statement.get("Principal", {}).get("Federated") != provider.arn:
        return False
    wanted = statement.get("Condition", {}).get("StringEquals", {})
    return all(claims.get(name.removeprefix(f"{issuer}:")) == value for name, value in wanted.items())


def checked_assume_role(original):
    def assume_role_with_web_identity(self):
        role_arn = self._get_param("RoleArn")
        claims = checked_claims(self._get_param("WebIdentityToken"))
        account = iam_backends[role_arn.split(":")[4]][self.partition]
        issuer = claims["iss"].split("://")[-1]
        provider = next((one for one in account.open_id_providers.values() if one.url == issuer), None)
        if provider is None or claims["aud"] not in provider.client_id_list:
            raise Refusal("InvalidIdentityToken", "No OpenIDConnect provider found in your account for the token.")
        document = account.get_role_by_arn(role_arn).assume_role_policy_document
        if not any(allows(one, provider, issuer, claims) for one in json.loads(document)["Statement"]):
            raise Refusal("AccessDenied", f"Not authorized to perform sts:{WITH_WEB_IDENTITY}")
        return original(self)

    return assume_role_with_web_identity


def without_key(original):
    def authorize(self, *args, **named):
        if getattr(self, "service_name", "") == "sts" and self._get_action() == WITH_WEB_IDENTITY:
            return None
        return original(self, *args, **named)

    return authorize


def apply():
    TokenResponse.assume_role_with_web_identity = checked_assume_role(TokenResponse.assume_role_with_web_identity)
    name = "_authenticate_and_authorize_action"
    setattr(ActionAuthenticatorMixin, name, without_key(getattr(ActionAuthenticatorMixin, name)))
