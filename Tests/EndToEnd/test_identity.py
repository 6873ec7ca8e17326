"""STS: who am I, which Terraform and others ask first."""

import json

import pytest

from journeys import refused
from meridian_server import ACCOUNT


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_root_on_every_route(server, region):
    for client in [server.overlay("sts", region), server.proxied("sts", region), server.plain("sts", region)]:
        who = client.get_caller_identity()
        assert who["Account"] == who["UserId"] == ACCOUNT and who["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
        assert len(who["ResponseMetadata"]["RequestId"]) == 16


def test_a_user(new_server, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "users": [
        {"accessKeyID": "AKIAALICE", "secretAccessKey": "wonderland", "name": "alice"}]}))
    server = new_server(start=False)
    server.arguments += ["--config", str(config)]
    server.start()
    who = server.plain("sts", keys=("AKIAALICE", "wonderland")).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice" and who["UserId"].startswith("AIDA")


def test_refusals_are_those_of_sts(server):
    with refused("InvalidClientTokenId", 403):
        server.plain("sts", keys=("AKIANOBODY", "secret-of-nobody")).get_caller_identity()
    right = server.environment()["AWS_ACCESS_KEY_ID"]
    with refused("SignatureDoesNotMatch", 403):
        server.plain("sts", keys=(right, "a-wrong-secret")).get_caller_identity()
    with refused("InvalidAction", 400):
        server.proxied("sts").get_session_token()


def test_the_command_line(server):
    for route in [(), ("--proxy",)]:
        done = server.run("aws", "sts", "get-caller-identity", route=route)
        assert json.loads(done.stdout)["Account"] == ACCOUNT
