"""What an independent client and an independent crypto library see of the emulator's KMS, as JSON: check -> answer.

Usage: python kms_checks.py ENDPOINT
"""

import hashlib
import json
import sys

import boto3
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

kms = boto3.client(
    "kms", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
)
SIGNING = [
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
]


def code(call, **arguments):
    try:
        call(**arguments)
        return "no error"
    except ClientError as error:
        return error.response["Error"]["Code"]


def verifies(public, algorithm, made, signature):
    try:
        if algorithm.startswith("ECDSA"):
            public.verify(signature, b"hello", ec.ECDSA(made))
        elif "PSS" in algorithm:
            public.verify(signature, b"hello", padding.PSS(padding.MGF1(made), made.digest_size), made)
        else:
            public.verify(signature, b"hello", padding.PKCS1v15(), made)
        return True
    except InvalidSignature:
        return False


def signing(spec, algorithm):
    arn = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    public = load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])
    made = hashes.SHA384() if algorithm.endswith("384") else hashes.SHA256()
    digest = hashlib.new(made.name, b"hello").digest()
    found = {}
    for kind, message in (("DIGEST", digest), ("RAW", b"hello")):
        named = {"KeyId": arn, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(Message=message, **named)["Signature"]
        found[f"{kind} verifies"] = verifies(public, algorithm, made, signature)
        spoilt = signature[:-1] + bytes([signature[-1] ^ 1])
        found[f"{kind} spoilt"] = code(kms.verify, Message=message, Signature=spoilt, **named)
    named = {"KeyId": arn, "SigningAlgorithm": algorithm}
    found["short digest"] = code(kms.sign, Message=b"short", MessageType="DIGEST", **named)
    found["long message"] = code(kms.sign, Message=b"x" * 4097, **named)
    found["encrypting"] = code(kms.encrypt, KeyId=arn, Plaintext=b"x")
    kms.disable_key(KeyId=arn)
    found["disabled"] = code(kms.sign, Message=b"x", **named)
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    found["pending deletion"] = code(kms.sign, Message=b"x", **named)
    return found


def encrypting():
    one, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    sealed = kms.encrypt(KeyId=one, Plaintext=b"p", EncryptionContext={"a": "bc"})["CiphertextBlob"]
    context = {"EncryptionContext": {"a": "bc"}}
    spoilt = sealed[:-1] + bytes([sealed[-1] ^ 1])
    found = {
        "opens": kms.decrypt(CiphertextBlob=sealed, **context)["Plaintext"] == b"p",
        "spoilt": code(kms.decrypt, CiphertextBlob=spoilt, **context),
        "context moved": code(kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"ab": "c"}),
        "other key": code(kms.decrypt, CiphertextBlob=sealed, KeyId=other, **context),
    }
    kms.disable_key(KeyId=one)
    found["disabled"] = code(kms.decrypt, CiphertextBlob=sealed, **context)
    return found


print(json.dumps({**{algorithm: signing(spec, algorithm) for spec, algorithm in SIGNING}, "encrypting": encrypting()}))
