"""A client over the PyPI package `spiffe`; prints JSON lines. usage: client.py fetch AUDIENCE | watch COUNT"""

import json
import sys
import threading

from spiffe import WorkloadApiClient
from spiffe.svid.jwt_svid import JwtSvid


def emit(**line):
    print(json.dumps(line), flush=True)


def x509_line(kind, svid):
    emit(
        kind=kind,
        spiffeId=str(svid.spiffe_id),
        serial=f"{svid.leaf.serial_number:x}",
        notAfter=svid.leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        chain=len(svid.cert_chain),
    )


def fetch(client, audience):
    svid = client.fetch_x509_svid()
    x509_line("x509", svid)
    own = svid.spiffe_id.trust_domain
    x509_bundle = client.fetch_x509_bundles().get_bundle_for_trust_domain(own)
    jwt_bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(own)
    emit(
        kind="bundles",
        trustDomain=own.name,
        x509Authorities=len(x509_bundle.x509_authorities),
        jwtAuthorities=len(jwt_bundle.jwt_authorities),
    )
    token = client.fetch_jwt_svid(audience={audience}).token
    verified = JwtSvid.parse_and_validate(token, jwt_bundle, {audience})
    emit(kind="jwt", spiffeId=str(verified.spiffe_id), token=token)
    emit(kind="validated", spiffeId=str(client.validate_jwt_svid(token, audience).spiffe_id))


def watch(client, count):
    done = threading.Event()
    left = [count]

    def update(context):
        x509_line("update", context.default_svid)
        left[0] -= 1
        if left[0] == 0:
            done.set()

    def failed(error):
        # Closing the client ends the stream, which it reports as an error too.
        if not done.is_set():
            emit(kind="error", message=str(error))

    client.stream_x509_contexts(update, failed)
    if not done.wait(300):
        sys.exit("not enough updates within 5 minutes")


def main():
    with WorkloadApiClient() as client:
        if sys.argv[1] == "fetch":
            fetch(client, sys.argv[2])
        elif sys.argv[1] == "watch":
            watch(client, int(sys.argv[2]))
        else:
            sys.exit(__doc__)


main()
