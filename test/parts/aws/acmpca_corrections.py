"""AWS Private CA: keys, templates, validity and algorithms as asked for; refusals of the real service."""

import base64
import datetime
import json
import re
import threading

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.acmpca.models import CertificateAuthority
from moto.acmpca.responses import ACMPCAResponse
from moto.core.exceptions import JsonRESTError

CURVES = {"EC_prime256v1": ec.SECP256R1, "EC_secp384r1": ec.SECP384R1, "EC_secp521r1": ec.SECP521R1}
HASHES = {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}
# The server answers in threads; a request's wishes are put on the CA for the call that is under way.
ISSUING = threading.Lock()
BACKDATED = datetime.timedelta(hours=1)
SUBORDINATE = re.compile(r"^arn:aws[a-z-]*:acm-pca:::template/SubordinateCACertificate_PathLen([0-3])/V1$")
ROOT = re.compile(r"^arn:aws[a-z-]*:acm-pca:::template/RootCACertificate/V1$")


def refuse(code, message=""):
    return JsonRESTError(code, message)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def generated_key(algorithm):
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    size = re.fullmatch(r"RSA_(2048|3072|4096)", algorithm or "")
    if size is None:
        raise refuse("ValidationException", f"KeyAlgorithm {algorithm} is not supported")
    return rsa.generate_private_key(public_exponent=65537, key_size=int(size.group(1)))


def corrected_init(original):
    def init(self, *args, **named):
        original(self, *args, **named)
        key = generated_key(self.certificate_authority_configuration.get("KeyAlgorithm"))
        self.private_bytes = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self.password),
        )

    return init


def hash_of(ca, algorithm=None):
    """The hash of a signing algorithm that the CA's key can make."""
    name = algorithm or ca.certificate_authority_configuration.get("SigningAlgorithm", "")
    match = re.fullmatch(r"(SHA256|SHA384|SHA512)WITH(ECDSA|RSA)", name)
    is_ec = isinstance(ca.key, ec.EllipticCurvePrivateKey)
    if match is None or (match.group(2) == "ECDSA") != is_ec:
        raise refuse("ValidationException", f"The signing algorithm {name} is not valid for the CA's key")
    return HASHES[match.group(1)]()


def csr(self):
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(self.issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(self.key, hash_of(self))
    )
    return request.public_bytes(serialization.Encoding.PEM)


def end_of(validity):
    kind, value = validity.get("Type"), validity.get("Value")
    if kind == "ABSOLUTE":
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if kind == "END_DATE":
        form = "%Y%m%d%H%M%S" if len(str(value)) == 14 else "%y%m%d%H%M%S"
        return datetime.datetime.strptime(str(value), form).replace(tzinfo=datetime.timezone.utc)
    days = {"DAYS": 1, "MONTHS": 30, "YEARS": 365}
    if kind not in days:
        raise refuse("ValidationException", f"Validity type {kind} is not supported")
    return now() + datetime.timedelta(days=days[kind] * value)


def generate_cert(self, subject, public_key, extensions):
    """`asked` is put on the CA by `issue_certificate` for the one call that is under way."""
    asked = getattr(self, "asked", {})
    end = end_of(asked.get("Validity") or {"Type": "DAYS", "Value": 365})
    certificate = self.certificate
    is_root = ROOT.match(asked.get("TemplateArn") or "")
    if end <= now():
        raise refuse("ValidationException", "The certificate validity specified is in the past")
    if certificate is not None and not is_root and end > certificate.not_valid_after_utc:
        raise refuse(
            "ValidationException", "The certificate validity specified exceeds the certificate authority validity"
        )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(self.issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - BACKDATED)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(self.key, hash_of(self, asked.get("SigningAlgorithm"))).public_bytes(serialization.Encoding.PEM)


def ca_usage():
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def corrected_extensions(original):
    def x509_extensions(self, request, template_arn):
        match = SUBORDINATE.match(template_arn or "")
        if match is None:
            return original(self, request, template_arn)
        length = int(match.group(1))
        own = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        if own is not None and length >= own:
            raise refuse("ValidationException", "The path length of the template is not below that of the certificate authority")
        # This template takes no alternative names from the request.
        return [
            (x509.BasicConstraints(ca=True, path_length=length), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            (x509.SubjectKeyIdentifier.from_public_key(request.public_key()), False),
            (ca_usage(), True),
        ]

    return x509_extensions


def chain_above(self):
    """The CA's own certificate and its chain: the way to the root."""
    above = self.certificate_chain
    if above is None:
        return self.certificate_bytes
    raw = above.encode() if isinstance(above, str) else above
    text = raw if b"-----BEGIN" in raw else base64.b64decode(raw)
    return self.certificate_bytes.strip() + b"\n" + text.strip() + b"\n"


def checked_request(encoded):
    try:
        request = x509.load_pem_x509_csr(base64.b64decode(encoded))
        if request.is_signature_valid:
            return request
    except (ValueError, InvalidSignature):
        pass
    raise refuse("MalformedCSRException", "The certificate signing request is invalid")


def issue_certificate(self):
    with ISSUING:
        return issue_one(self)


def issue_one(self):
    params = json.loads(self.body)
    backend = self.acmpca_backend
    arn = params.get("CertificateAuthorityArn")
    ca = backend.describe_certificate_authority(arn)
    template = params.get("TemplateArn")
    if ca.status != "ACTIVE" and not ROOT.match(template or ""):
        raise refuse("InvalidStateException", f"The certificate authority {arn} is not in the ACTIVE state")
    checked_request(params.get("Csr"))
    # Within five minutes one token is one certificate.
    issued = ca.__dict__.setdefault("issued_by_token", {})
    token = params.get("IdempotencyToken")
    if token is not None and token in issued and issued[token][0] == params.get("Csr"):
        return json.dumps({"CertificateArn": issued[token][1]})
    ca.asked = params
    try:
        made = backend.issue_certificate(
            certificate_authority_arn=arn, csr=params.get("Csr").encode(), template_arn=template
        )
    finally:
        del ca.asked
    if made in ca.issued_certificates_certificate_chains:
        ca.issued_certificates_certificate_chains[made] = chain_above(ca)
    if token is not None:
        issued[token] = (params.get("Csr"), made)
    return json.dumps({"CertificateArn": made})


def corrected_get_certificate(original):
    def get_certificate(self, certificate_arn):
        if certificate_arn not in self.issued_certificates:
            raise refuse("ResourceNotFoundException", f"Could not find certificate {certificate_arn}")
        return original(self, certificate_arn)

    return get_certificate


def apply():
    CertificateAuthority.__init__ = corrected_init(CertificateAuthority.__init__)
    CertificateAuthority.csr = property(csr)
    CertificateAuthority.generate_cert = generate_cert
    CertificateAuthority._x509_extensions = corrected_extensions(CertificateAuthority._x509_extensions)
    CertificateAuthority.get_certificate = corrected_get_certificate(CertificateAuthority.get_certificate)
    ACMPCAResponse.issue_certificate = issue_certificate
