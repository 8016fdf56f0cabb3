"""Makes two users in an AWS emulator; prints their keys as JSON. Usage: python kms_users.py ENDPOINT

`allowed` has exactly the permissions of the operator's guide, `denied` all of them but kms:Sign and kms:CreateKey.
"""

import json
import sys

import boto3

ACTIONS = [
    "kms:CreateKey",
    "kms:GetPublicKey",
    "kms:ScheduleKeyDeletion",
    "kms:Sign",
    "kms:TagResource",
    "tag:GetResources",
    "sts:GetCallerIdentity",
]
# The emulator looks a call up under the name of the service's endpoint.
EMULATED = {"tag:GetResources": "tagging:GetResources"}

iam = boto3.client(
    "iam",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="setup",
    aws_secret_access_key="setup",
)


def user(name, actions):
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions + [EMULATED[a] for a in actions if a in EMULATED], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="keys", PolicyDocument=document)
    return iam.create_access_key(UserName=name)["AccessKey"]


def plain(key):
    return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}


print(
    json.dumps(
        {
            "allowed": plain(user("allowed", ACTIONS)),
            "denied": plain(user("denied", [a for a in ACTIONS if a not in ("kms:Sign", "kms:CreateKey")])),
        }
    )
)
