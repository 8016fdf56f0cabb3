"""Makes who a server may be to AWS: a user, a role that the user may take on, a role for web identities; prints JSON.

Usage: python credential_users.py ENDPOINT ISSUER
All may use one symmetric key, which is made in another region than everything else. ISSUER is the URL of the web identities' issuer.
"""

import json
import sys

import boto3

ENDPOINT, ISSUER = sys.argv[1:]
SUBJECT = "system:serviceaccount:spirl-system:spirl-server"
AUDIENCE = "sts.amazonaws.com"


def client(service, region="us-east-1"):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id="setup",
        aws_secret_access_key="setup",
    )


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


iam = client("iam")
wrapping = document({"Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"})
taking_on = document({"Action": ["sts:AssumeRole"], "Resource": "*"})


def user(name, policy):
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}


def role(name, trust):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=wrapping)
    return arn


provider = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40])
provider = provider["OpenIDConnectProviderArn"]
host = ISSUER.split("://")[-1]
print(
    json.dumps(
        {
            "key": client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"],
            "wrapping": user("wrapping", wrapping),
            "takingOn": user("taking-on", taking_on),
            "role": role("server", {"Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}),
            "webRole": role(
                "web-server",
                {
                    "Principal": {"Federated": provider},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {f"{host}:sub": SUBJECT, f"{host}:aud": AUDIENCE}},
                },
            ),
            "subject": SUBJECT,
            "audience": AUDIENCE,
        }
    )
)
