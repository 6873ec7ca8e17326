"""Other people's programs, unmodified."""

import filecmp
import json
import os
import shutil

import pytest

from journeys import AccessPoint, make_bucket
from meridian_server import ACCOUNT, ROOT


def need(program: str) -> str:
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not on PATH")
    return path


@pytest.fixture
def tree(tmp_path):
    for name, size in [("a.txt", 5), ("dir/b.bin", 40_000), ("dir/sub/ü c", 1_000_000), ("big", 20_000_000)]:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return tmp_path / "tree"


def same(one, other) -> bool:
    compared = filecmp.dircmp(one, other)
    if compared.left_only or compared.right_only or compared.diff_files or compared.funny_files:
        return False
    return all(same(one / name, other / name) for name in compared.common_dirs)


@pytest.mark.parametrize("route", [(), ("--proxy",)], ids=["overlay", "proxy"])
def test_aws_cli(server, access_point, tree, tmp_path, route):
    aws = need("aws")
    where = f"s3://{access_point.arn}/tree"
    server.run(aws, "s3", "sync", "--quiet", str(tree), where, route=route)
    server.run(aws, "s3", "sync", "--quiet", where, str(tmp_path / "back"), route=route)
    assert same(tree, tmp_path / "back")
    listed = server.run(aws, "s3", "ls", "--recursive", where + "/", route=route).stdout
    assert len(listed.splitlines()) == 4
    server.run(aws, "s3", "rm", "--recursive", "--quiet", where + "/", route=route)


@pytest.mark.parametrize("route", [(), ("--proxy",)], ids=["overlay", "proxy"])
def test_s3control_in_the_aws_cli(server, access_point, route):
    shown = server.run(
        need("aws"), "s3control", "get-multi-region-access-point-routes", "--account-id", ACCOUNT, "--region", "us-west-2",
        "--mrap", access_point.arn, "--query", "length(Routes)", "--output", "text", route=route)
    assert shown.stdout.strip() == "3"


def test_s5cmd(server, access_point, tree, tmp_path):
    s5cmd = need("s5cmd")
    options = ["--endpoint-url", server.endpoint]
    server.run(s5cmd, *options, "cp", f"{tree}/*", f"s3://{access_point.alias}/s5/")
    server.run(s5cmd, *options, "cp", f"s3://{access_point.alias}/s5/*", f"{tmp_path}/back/")
    assert same(tree, tmp_path / "back")


def rclone_settings(server, **more) -> dict:
    env = server.environment()
    remote = {
        "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.endpoint, "REGION": "us-east-1",
        "ACCESS_KEY_ID": env["AWS_ACCESS_KEY_ID"], "SECRET_ACCESS_KEY": env["AWS_SECRET_ACCESS_KEY"], **more}
    return {f"RCLONE_CONFIG_M_{name}": value for name, value in remote.items()}


def test_rclone_on_the_plain_endpoint(server, access_point, tree, tmp_path):
    rclone = need("rclone")
    env = rclone_settings(server)
    server.run(rclone, "sync", str(tree), f"m:{access_point.name}.mrap/rc", env=env)
    server.run(rclone, "sync", f"m:{access_point.name}.mrap/rc", str(tmp_path / "back"), env=env)
    assert same(tree, tmp_path / "back")
    server.run(rclone, "check", "--download", str(tree), f"m:{access_point.name}.mrap/rc", env=env)


def test_rclone_by_arn_with_a_signer_that_is_not_amazons(server, access_point, tree):
    """rclone signs SigV4A in Go; the ARN needs the colon form there."""
    rclone = need("rclone")
    env = rclone_settings(server, PROVIDER="AWS", ENDPOINT="") | {"RCLONE_CONFIG": os.devnull}
    arn = f"m:arn:aws:s3::{ACCOUNT}:accesspoint:{access_point.alias}/go"
    server.run(rclone, "copy", str(tree), arn, route=("--proxy",), env=env)
    server.run(rclone, "check", str(tree), arn, route=("--proxy",), env=env)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME"])
def test_the_users_own_program(server, access_point, tmp_path, algorithm):
    """boto3 as in any guide, in a process of its own, with nothing but the environment."""
    program = tmp_path / "use.py"
    program.write_text(
        "import sys, boto3\n"
        "s3 = boto3.client('s3')\n"
        f"s3.put_object(Bucket=sys.argv[1], Key='k', Body=b'hello', ChecksumAlgorithm='{algorithm}')\n"
        "assert s3.get_object(Bucket=sys.argv[1], Key='k')['Body'].read() == b'hello'\n")
    import sys

    for route in [(), ("--proxy",)]:
        for address in [access_point.arn, access_point.arn_by_name]:
            server.run(sys.executable, str(program), address, route=route)


def test_the_replication_script_of_the_first_steps(new_server):
    """docs/start.md: its buckets, then its script; what `mesh` would write, so that nothing is left for that to do."""
    need("aws")
    server = new_server()
    buckets = {region: make_bucket(server, f"photos-{region}", region) for region in ("us-east-1", "eu-west-1")}
    AccessPoint.create(server, "photos", buckets)
    page = (ROOT / "docs/start.md").read_text()
    script = page[page.index("# Replication from each bucket"):]
    server.run("bash", "-eu", "-c", script[:script.index("```")])
    plan = json.loads(server.command("replication", "mesh", "photos", "--json").stdout)
    assert plan["isComplete"] and not plan["carriesLess"], plan
