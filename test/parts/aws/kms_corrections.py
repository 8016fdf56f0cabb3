"""AWS KMS: digests, salts, message limits, key states, usages, encryption contexts, ARNs."""

import base64
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils as prehash
from moto.core.exceptions import JsonRESTError
from moto.kms import utils
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

MAX_MESSAGE = 4096
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def refuse(code, message=""):
    return JsonRESTError(code, message)


def usable_key(response, key_id, usage):
    """The key, if it may be used for `usage` now."""
    response._validate_key_id(key_id)
    key = response.kms_backend.keys[response.kms_backend.any_id_to_key_id(key_id)]
    if key.key_state == "Disabled":
        raise refuse("DisabledException", f"{key.arn} is disabled.")
    if key.key_state == "PendingDeletion":
        raise refuse("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_usage != usage:
        raise refuse(
            "InvalidKeyUsageException", f"{key.arn} key usage is {key.key_usage} which is not valid for this operation."
        )
    encryption = response._get_param("EncryptionAlgorithm") or "SYMMETRIC_DEFAULT"
    if usage == "ENCRYPT_DECRYPT" and encryption not in (key.encryption_algorithms or []):
        raise refuse("InvalidKeyUsageException", f"Algorithm {encryption} is not valid for the key {key.arn}.")
    return key


def bytes_of(value):
    return value.encode() if isinstance(value, str) else value


def signing_parts(response, key):
    """(digest, how to sign or verify it) of a Sign or Verify request."""
    algorithm = response._get_param("SigningAlgorithm")
    message = bytes_of(response._get_param("Message"))
    kind = response._get_param("MessageType") or "RAW"
    if algorithm not in (key.signing_algorithms or []):
        raise refuse("InvalidKeyUsageException", f"Algorithm {algorithm} is not valid for the key {key.arn}.")
    if not message or len(message) > MAX_MESSAGE:
        raise refuse("ValidationException", f"1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length between 1 and {MAX_MESSAGE}")
    made = HASHES[algorithm[-3:]]()
    if kind == "DIGEST":
        digest = message
        if len(digest) != made.digest_size:
            raise refuse("ValidationException", f"Digest is invalid length for algorithm {algorithm}.")
    else:
        context = hashes.Hash(made)
        context.update(message)
        digest = context.finalize()
    prehashed = prehash.Prehashed(made)
    if algorithm.startswith("ECDSA"):
        return algorithm, digest, (ec.ECDSA(prehashed),)
    if algorithm.startswith("RSASSA_PSS"):
        return algorithm, digest, (padding.PSS(padding.MGF1(made), padding.PSS.DIGEST_LENGTH), prehashed)
    return algorithm, digest, (padding.PKCS1v15(), prehashed)


def sign(self):
    key = usable_key(self, self._get_param("KeyId"), "SIGN_VERIFY")
    algorithm, digest, how = signing_parts(self, key)
    signature = key.private_key.private_key.sign(digest, *how)
    answer = {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": algorithm}
    return json.dumps(answer)


def verify(self):
    key = usable_key(self, self._get_param("KeyId"), "SIGN_VERIFY")
    algorithm, digest, how = signing_parts(self, key)
    signature = base64.b64decode(self._get_param("Signature"))
    try:
        key.private_key.private_key.public_key().verify(signature, digest, *how)
    except InvalidSignature:
        raise refuse("KMSInvalidSignatureException") from None
    return json.dumps({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm})


def corrected_encrypt(original):
    def encrypt(self):
        usable_key(self, self._get_param("KeyId"), "ENCRYPT_DECRYPT")
        return json.dumps({**json.loads(original(self)), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})

    return encrypt


def corrected_decrypt(original):
    def decrypt(self):
        named = self._get_param("KeyId")
        try:
            blob = utils._deserialize_ciphertext_blob(self._get_param("CiphertextBlob"))
        except Exception:
            raise refuse("InvalidCiphertextException") from None
        if named:
            self._validate_key_id(named)
            if self.kms_backend.any_id_to_key_id(named) != blob.key_id:
                raise refuse("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
        if blob.key_id in self.kms_backend.keys:
            usable_key(self, blob.key_id, "ENCRYPT_DECRYPT")
        return json.dumps({**json.loads(original(self)), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})

    return decrypt


def corrected_data_key(original):
    def generate_data_key(self):
        usable_key(self, self._get_param("KeyId"), "ENCRYPT_DECRYPT")
        return original(self)

    return generate_data_key


def serialize_encryption_context(encryption_context):
    """Two contexts never serialize to the same bytes. The parameter's name is part of moto's interface."""
    return json.dumps(encryption_context or {}, sort_keys=True, separators=(",", ":")).encode()


def corrected_create_key(original):
    def create_key(self, policy, key_usage, key_spec, *rest, **named):
        return original(self, policy, key_usage or "ENCRYPT_DECRYPT", key_spec or "SYMMETRIC_DEFAULT", *rest, **named)

    return create_key


def by_any_id(original):
    def method(self, key_id, *rest, **named):
        return original(self, self.any_id_to_key_id(key_id), *rest, **named)

    return method


TAKES_ANY_ID = (
    "schedule_key_deletion",
    "cancel_key_deletion",
    "enable_key",
    "disable_key",
    "enable_key_rotation",
    "disable_key_rotation",
    "get_key_rotation_status",
    "get_key_policy",
    "put_key_policy",
)


def apply():
    KmsResponse.sign = sign
    KmsResponse.verify = verify
    KmsResponse.encrypt = corrected_encrypt(KmsResponse.encrypt)
    KmsResponse.decrypt = corrected_decrypt(KmsResponse.decrypt)
    KmsResponse.generate_data_key = corrected_data_key(KmsResponse.generate_data_key)
    utils._serialize_encryption_context = serialize_encryption_context
    KmsBackend.create_key = corrected_create_key(KmsBackend.create_key)
    for name in TAKES_ANY_ID:
        setattr(KmsBackend, name, by_any_id(getattr(KmsBackend, name)))
