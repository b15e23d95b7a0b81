"""Creates the stack of a template in moto, and prints the result as one line of JSON.

moto's CloudFormation knows no resource of Cognito, so the four that the template has are taught to it here: each is created
by the call of the Cognito API that has its properties, which botocore checks against AWS's own description.
"""

import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-west-1")
REGION = "eu-west-1"

import boto3
from moto.core.common_models import CloudFormationModel


def cognito():
    return boto3.client("cognito-idp", REGION)


def resource(kind, create, physical_id):
    """A type of resource: how it is created, and what `Ref` and `!Sub` return for it (AWS's page of the type)."""

    class Resource(CloudFormationModel):
        # moto derives the service of the type from it.
        __module__ = "moto.cognitoidp.models"

        def __init__(self, physical_resource_id):
            self.physical_resource_id = physical_resource_id

        @staticmethod
        def cloudformation_name_type():
            return ""

        @staticmethod
        def cloudformation_type():
            return f"AWS::Cognito::{kind}"

        @classmethod
        def has_cfn_attr(cls, attr):
            return False

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
            properties = dict(cloudformation_json["Properties"])
            return cls(physical_id(properties, getattr(cognito(), create)(**renamed(properties))))

    return Resource


def renamed(properties):
    """The API has `PoolName` for CloudFormation's `UserPoolName`."""
    if "UserPoolName" in properties:
        properties["PoolName"] = properties.pop("UserPoolName")
    if "AccessTokenValidity" in properties:
        properties["AccessTokenValidity"] = int(properties["AccessTokenValidity"])
    return properties


TYPES = [
    resource("UserPool", "create_user_pool", lambda _, made: made["UserPool"]["Id"]),
    resource("UserPoolDomain", "create_user_pool_domain", lambda asked, _: asked["Domain"]),
    resource("UserPoolResourceServer", "create_resource_server", lambda asked, _: asked["Identifier"]),
    resource("UserPoolClient", "create_user_pool_client", lambda _, made: made["UserPoolClient"]["ClientId"]),
]

# The module reads the list of types when it is imported.
from moto import mock_aws
import moto.cloudformation.parsing  # noqa: F401


@mock_aws
def main(template, parameters):
    stacks = boto3.client("cloudformation", REGION)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    stacks.create_stack(StackName="interop", TemplateBody=template, Parameters=given)
    stack = stacks.describe_stacks(StackName="interop")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    pool = outputs["Issuer"]
    listed = cognito().list_user_pool_clients(UserPoolId=pool, MaxResults=10)["UserPoolClients"]
    described = [cognito().describe_user_pool_client(UserPoolId=pool, ClientId=client["ClientId"]) for client in listed]
    made = {
        "status": stack["StackStatus"],
        "outputs": outputs,
        "pool": cognito().describe_user_pool(UserPoolId=pool)["UserPool"],
        "clients": [client["UserPoolClient"] for client in described],
        "resource_servers": cognito().list_resource_servers(UserPoolId=pool, MaxResults=10)["ResourceServers"],
        "domain": cognito().describe_user_pool_domain(Domain=parameters["DomainPrefix"])["DomainDescription"],
    }
    print(json.dumps(made, default=str))


with open(sys.argv[1], encoding="utf-8") as file:
    main(file.read(), dict(argument.split("=", 1) for argument in sys.argv[2:]))
