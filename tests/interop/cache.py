"""Reads and writes the shared cache as docs/cache-format.md says, with PyPI's cryptography.

One question as JSON on standard input: the parameters that the cache key is made of, the client secret, and a record in
hexadecimal. One answer as JSON on standard output: the name of the record, what it holds, and the same sealed anew.
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


def cache_key(question):
    names = ["token_url", "client_id", "username", "scope", "audience", "token_type"]
    parts = [text.encode() for text in ["tango-token", "1", *(question[name] for name in names)]]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return digest.digest()[:16].hex()


def secret_id(secret, key):
    return hmac.digest(secret.encode(), f"tango-token secret id {key}".encode(), "sha256")[:8].hex()


question = json.load(sys.stdin)
key, secret = cache_key(question), question["client_secret"]
record = bytes.fromhex(question["record"])
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
