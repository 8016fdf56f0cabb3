"""IAM and SigV4: refusals in the form of JSON services; ends of roles; clocks."""

import datetime

from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import IAMRequest, IAMRequestBase
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

MAX_SKEW = datetime.timedelta(minutes=5)


def speaks_json(request):
    headers = {name.lower(): value for name, value in dict(request._headers).items()}
    return headers.get("content-type", "").startswith("application/x-amz-json")


def as_json(original, refusal):
    """`refusal(request)` on JSON services, moto's own on the others."""

    def raise_it(self, *args):
        if speaks_json(self):
            raise refusal(self)
        return original(self, *args)

    return raise_it


def bad_signature(_):
    return JsonRESTError(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
    )


def unknown_key(_):
    return JsonRESTError("UnrecognizedClientException", "The security token included in the request is invalid.")


def denied(request):
    arn = request._access_key.arn
    return JsonRESTError(
        "AccessDeniedException", f"User: {arn} is not authorized to perform: {request._action} on this resource"
    )


def has_expired(request):
    key = getattr(request._access_key, "_access_key_id", None)
    roles = sts_backends[request.account_id][get_partition(request._region)].assumed_roles
    present = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return any(role.access_key_id == key and role.expiration.replace(tzinfo=None) <= present for role in roles)


def corrected_check(original):
    def check_signature(self):
        if speaks_json(self):
            if has_expired(self):
                raise JsonRESTError("ExpiredTokenException", "The security token included in the request is expired")
            sent = datetime.datetime.strptime(self._headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
            present = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            if abs(present - sent) > MAX_SKEW:
                raise JsonRESTError("InvalidSignatureException", f"Signature expired: {sent} is not near {present}")
        return original(self)

    return check_signature


def apply():
    IAMRequest._raise_signature_does_not_match = as_json(IAMRequest._raise_signature_does_not_match, bad_signature)
    IAMRequest._raise_invalid_access_key = as_json(IAMRequest._raise_invalid_access_key, unknown_key)
    IAMRequest._raise_access_denied = as_json(IAMRequest._raise_access_denied, denied)
    IAMRequestBase.check_signature = corrected_check(IAMRequestBase.check_signature)
