"""Sets up two accounts in an AWS emulator with an independent client; prints what tests need, as JSON.

Usage: python ceremony.py ENDPOINT
Account one: a root CA, a subordinate CA below it, a user that may take on a role of account two. Account two: a root CA, and
that role, which may use it. Users: `allowed` has exactly the three permissions of the operator's guide, `denied` has none.
"""

import json
import sys

import boto3

ENDPOINT = sys.argv[1]
REGION = "us-east-1"
ACTIONS = ["acm-pca:DescribeCertificateAuthority", "acm-pca:IssueCertificate", "acm-pca:GetCertificate"]


def client(service, credentials=None):
    given = credentials or {"AccessKeyId": "setup", "SecretAccessKey": "setup", "SessionToken": None}
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
    )


def authority(pca, name, kind, key="EC_prime256v1", signing="SHA256WITHECDSA"):
    configuration = {"KeyAlgorithm": key, "SigningAlgorithm": signing, "Subject": {"CommonName": name, "Organization": "Example"}}
    answer = pca.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType=kind
    )
    return answer["CertificateAuthorityArn"]


def issue(pca, issuer, csr, template, signing, days):
    arn = pca.issue_certificate(
        CertificateAuthorityArn=issuer,
        Csr=csr,
        SigningAlgorithm=signing,
        TemplateArn=f"arn:aws:acm-pca:::template/{template}/V1",
        Validity={"Type": "DAYS", "Value": days},
    )["CertificateArn"]
    return pca.get_certificate(CertificateAuthorityArn=issuer, CertificateArn=arn)


def root(pca, name, **algorithms):
    arn = authority(pca, name, "ROOT", **algorithms)
    signing = algorithms.get("signing", "SHA256WITHECDSA")
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    made = issue(pca, arn, csr, "RootCACertificate", signing, 3650)
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=made["Certificate"].encode())
    return arn


def subordinate(pca, parent, name):
    arn = authority(pca, name, "SUBORDINATE")
    csr = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    made = issue(pca, parent, csr, "SubordinateCACertificate_PathLen1", "SHA384WITHECDSA", 30)
    pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn,
        Certificate=made["Certificate"].encode(),
        CertificateChain=made["CertificateChain"].encode(),
    )
    return arn


def policy(actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]})


def user(iam, name, document):
    iam.create_user(UserName=name)
    if document is not None:
        iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}


def pem(pca, arn):
    return pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]


def main():
    pca, iam = client("acm-pca"), client("iam")
    top = root(pca, "Company Root", key="EC_secp384r1", signing="SHA384WITHECDSA")
    below = subordinate(pca, top, "Company Issuing")
    rsa = root(pca, "Company RSA Root", key="RSA_2048", signing="SHA256WITHRSA")

    role = "arn:aws:iam::222233334444:role/spirl"
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
        }
    )
    # An unchecked AssumeRole gives credentials of the other account, with which the role is made there.
    taken = client("sts").assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"]
    there_iam, there_pca = client("iam", taken), client("acm-pca", taken)
    there_iam.create_role(RoleName="spirl", AssumeRolePolicyDocument=trust)
    there_iam.put_role_policy(RoleName="spirl", PolicyName="it", PolicyDocument=policy(ACTIONS))
    other = root(there_pca, "Other Account Root")
    print(
        json.dumps(
            {
                "root": {"arn": top, "pem": pem(pca, top)},
                "subordinate": {"arn": below, "pem": pem(pca, below)},
                "rsa": {"arn": rsa, "pem": pem(pca, rsa)},
                "other": {"arn": other, "pem": pem(there_pca, other)},
                "role": role,
                "allowed": user(iam, "allowed", policy(ACTIONS)),
                "assuming": user(iam, "assuming", policy(["sts:AssumeRole"])),
                "denied": user(iam, "denied", None),
            }
        )
    )


main()
