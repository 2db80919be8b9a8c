"""Reads and writes the shared cache as docs/cache-format.md describes it, with PyPI's cryptography.

Reads one JSON object from standard input: the parameters of the cache key, the client secret, and a record in
hexadecimal. Prints one JSON object: the name of the record, its content, and the same content encrypted again.
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


def cache_key(request):
    names = ["token_url", "client_id", "username", "scope", "audience", "token_type"]
    parts = [part.encode() for part in ["tango-token", "1", *(request[name] for name in names)]]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return digest.digest()[:16].hex()


def secret_id(secret, key):
    return hmac.digest(secret.encode(), f"tango-token secret id {key}".encode(), "sha256")[:8].hex()


request = json.load(sys.stdin)
key, secret = cache_key(request), request["client_secret"]
record = bytes.fromhex(request["record"])
head, nonce, sealed = record[:4], record[4:16], record[16:]
if head != HEAD:
    sys.exit(f"the record begins with {head.hex()}, not with {HEAD.hex()}")
cipher = AESGCM(HKDF(SHA256(), 32, salt=b"tango-token cache 1", info=f"record{key}".encode()).derive(secret.encode()))
associated = HEAD + key.encode()
plain = cipher.decrypt(nonce, sealed, associated)
nonce = os.urandom(12)
again = HEAD + nonce + cipher.encrypt(nonce, plain, associated)
name = f"tango-token.{key}.{secret_id(secret, key)}.record"
json.dump({"name": name, "record": json.loads(plain), "again": again.hex()}, sys.stdout)
