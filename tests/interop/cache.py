"""Reads and writes the shared cache as docs/cache-format.md says, with PyPI's cryptography.

One question as JSON on standard input: the parameters that the cache key is made of, the client secret, and a record in
hexadecimal. One answer as JSON on standard output: the cache key, what the record holds, and the same sealed anew.
"""

import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"TTR\x01"


def cache_key(question):
    names = ["token_url", "client_id", "username", "scope", "audience", "token_type"]
    parts = [text.encode() for text in ["tango-token", "1", *(question[name] for name in names)]]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return digest.digest()[:16].hex()


def derived(secret, info, length):
    return HKDF(SHA256(), length, salt=b"tango-token cache 1", info=info.encode()).derive(secret.encode())


question = json.load(sys.stdin)
key = cache_key(question)
record = bytes.fromhex(question["record"])
head, nonce, sealed = record[:12], record[12:24], record[24:]
own_head = MAGIC + derived(question["client_secret"], "key id" + key, 8)
if head != own_head:
    sys.exit(f"the record begins with {head.hex()}, not with {own_head.hex()}")
cipher = AESGCM(derived(question["client_secret"], "record" + key, 32))
associated = head + key.encode()
plain = cipher.decrypt(nonce, sealed, associated)
nonce = os.urandom(12)
again = head + nonce + cipher.encrypt(nonce, plain, associated)
json.dump({"cache_key": key, "record": json.loads(plain), "again": again.hex()}, sys.stdout)
