"""Reads and writes the shared cache as docs/cache-format.md describes it, with PyPI's cryptography.

Reads one JSON object from standard input: the parameters of the cache key, the client secret, and a record in
hexadecimal. Prints one JSON object: the names of the record, the ledger and the lock, the keys of the ledger's sections
for the three DPoP modes, the record's content, and the same content encrypted again.
"""

import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEAD = b"TTR\x01"


def key_of(*parts):
    parts = [part.encode() for part in parts]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return digest.digest()[:16].hex()


def client_key(request):
    return key_of("tango-token", request["token_url"], request["client_id"])


def identity_key(request, purpose):
    names = ["token_url", "client_id", "username", "scope", "audience"]
    return key_of("tango-token", "1", *(request[name] for name in names), purpose)


def secret_id(secret, key):
    return hmac.digest(secret.encode(), f"tango-token secret id {key}".encode(), "sha256")[:8].hex()


request = json.load(sys.stdin)
client, secret = client_key(request), request["client_secret"]
key = identity_key(request, request["token_type"])
record = bytes.fromhex(request["record"])
head, nonce, sealed = record[:4], record[4:16], record[16:]
if head != HEAD:
    sys.exit(f"the record begins with {head.hex()}, not with {HEAD.hex()}")
cipher = AESGCM(HKDF(SHA256(), 32, salt=b"tango-token cache 1", info=f"record{key}".encode()).derive(secret.encode()))
associated = HEAD + key.encode()
plain = cipher.decrypt(nonce, sealed, associated)
nonce = os.urandom(12)
again = HEAD + nonce + cipher.encrypt(nonce, plain, associated)
output = {
    "name": f"tango-token.{client}.{key}.{secret_id(secret, key)}.record",
    "ledger": f"tango-token.{client}.ledger",
    "lock": f"tango-token.{client}.lock",
    "sections": {mode: identity_key(request, mode) for mode in ["off", "optional", "required"]},
    "record": json.loads(plain),
    "again": again.hex(),
}
json.dump(output, sys.stdout)
