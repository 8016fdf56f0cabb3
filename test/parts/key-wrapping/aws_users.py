"""Makes a symmetric key and users that may do both, one or none of the two actions of the operator's page; prints JSON.

Usage: python aws_users.py ENDPOINT
"""

import json
import sys

import boto3


def client(service):
    return boto3.client(
        service,
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="setup",
        aws_secret_access_key="setup",
    )


iam = client("iam")
arn = client("kms").create_key()["KeyMetadata"]["Arn"]


def user(name, actions):
    iam.create_user(UserName=name)
    if actions:
        document = {
            "Version": "2012-10-17",
            # The emulator looks at actions only; the operator's page names the key.
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        }
        iam.put_user_policy(UserName=name, PolicyName="wrapping", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


print(
    json.dumps(
        {
            "arn": arn,
            "allowed": user("wrapping-allowed", ["kms:Encrypt", "kms:Decrypt"]),
            "encryptOnly": user("wrapping-encrypt-only", ["kms:Encrypt"]),
            "denied": user("wrapping-denied", []),
        }
    )
)
