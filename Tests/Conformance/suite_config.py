"""suite_config.py SERVER_JSON HOST PORT: the configuration that ceph/s3-tests reads, from the users of the server's."""

import json
import sys

SECTIONS = [("s3 main", "main"), ("s3 alt", "alt"), ("s3 tenant", "tenant"), ("iam", "iam"), ("iam root", "iam"),
            ("iam alt root", "alt")]


def main():
    path, host, port = sys.argv[1:]
    with open(path) as file:
        users = {user["name"]: user for user in json.load(file)["users"]}
    print(f"[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = False\nssl_verify = False")
    print("[fixtures]\nbucket prefix = s3t-{random}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/")
    for section, name in SECTIONS:
        user = users[name]
        print(f"[{section}]")
        print(f"display_name = {user['displayName']}\nuser_id = {user['canonicalID']}\nemail = {name}@example.com")
        print(f"access_key = {user['accessKeyID']}\nsecret_key = {user['secretAccessKey']}")
        if name == "main":
            print("api_name =\nkms_keyid = testkey-1\nkms_keyid2 = testkey-2\nlc_debug_interval = 10")
        if name == "tenant":
            print("tenant = testx")


main()
