"""Signs a file through a CSC v1 service with Python's standard library: sign_hash.py FILE SIGNATURE

Reads KYSO_URL (up to /csc/v1), KYSO_USER, KYSO_PASSWORD, KYSO_PIN and KYSO_OTP from the environment.
"""
import base64
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request


def call(method, body, authorization):
    request = urllib.request.Request(
        f"{os.environ['KYSO_URL']}/{method}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": authorization},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{method}: {reason(refusal)}")
    return json.loads(text) if text else None


def reason(refusal):
    try:
        answer = json.load(refusal)
        return answer.get("error_description") or answer["error"]
    except (ValueError, KeyError):
        return f"HTTP {refusal.code}"


def main(source, target):
    pair = f"{os.environ['KYSO_USER']}:{os.environ['KYSO_PASSWORD']}".encode()
    login = call("auth/login", {}, "Basic " + base64.b64encode(pair).decode())
    token = "Bearer " + login["access_token"]

    credential = call("credentials/list", {}, token)["credentialIDs"][0]
    info = call("credentials/info", {"credentialID": credential, "certificates": "single"}, token)
    algorithm = info["key"]["algo"][0]  # sha256WithRSAEncryption, or ecdsa-with-SHA256

    with open(source, "rb") as file:
        digest = base64.b64encode(hashlib.sha256(file.read()).digest()).decode()
    factors = {"PIN": os.environ["KYSO_PIN"], "OTP": os.environ["KYSO_OTP"]}
    wanted = {"credentialID": credential, "numSignatures": 1, "hash": [digest], **factors}
    sad = call("credentials/authorize", wanted, token)["SAD"]

    request = {"credentialID": credential, "SAD": sad, "hash": [digest], "signAlgo": algorithm}
    signature = call("signatures/signHash", request, token)["signatures"][0]
    with open(target, "wb") as file:
        file.write(base64.b64decode(signature))
    with open(target + ".pem", "w") as file:
        certificate = info["cert"]["certificates"][0]
        file.write(f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n")
    call("auth/revoke", {"token": login["access_token"]}, token)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
