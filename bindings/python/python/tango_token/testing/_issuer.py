"""What a fake client knows in the place of servers: which token is held, which was rejected, and which error is due."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from tango_token import Authorization, InvalidArgument, ProofRefused, TangoError, Token, TokenRefused
from tango_token.testing._clock import FakeClock
from tango_token.testing._tokens import LIFETIME, SCOPE, FakeAuthorization, fake_token

if TYPE_CHECKING:
    from tango_token._native import Options

_ERROR_CODE = re.compile(r'\berror\s*=\s*"?(\w+)', re.IGNORECASE)
_MINUTES = timedelta(minutes=5)


class Issuer:
    """Issues one token for all calls, until it has expired or was rejected. Its caller has the lock."""

    def __init__(self, clock: FakeClock, options: Options) -> None:
        self.tokens_issued = 0
        self._clock = clock
        self._options = options
        self._token: Token | None = None
        self._rejected: set[str] = set()
        self._replacements: set[str] = set()
        self._error: TangoError | None = None
        self._errors_left: int | None = None
        self._nonce: str | None = None
        self._proofs = 0

    def hold(
        self,
        value: str,
        token_type: Literal["Bearer", "DPoP"] | None = None,
        scope: str | None = None,
        lifetime: timedelta | None = None,
    ) -> Token:
        is_bound = self._options.get("dpop") in ("optional", "required")
        self._token = fake_token(
            value,
            token_type=token_type or ("DPoP" if is_bound else "Bearer"),
            scope=scope or self._options.get("scope") or SCOPE,
            lifetime=lifetime or (_MINUTES if self._options.get("audience") == "5min" else LIFETIME),
            dpop_key=self._options.get("dpop_key"),
            clock=self._clock,
        )
        return self._token

    def drop(self) -> None:
        self._token = None

    def fail(self, error: TangoError | None, times: int | None) -> None:
        self._error, self._errors_left = error, times

    def acquire(self) -> Token:
        if self._error is not None and self._errors_left != 0:
            if self._errors_left is not None:
                self._errors_left -= 1
            # A copy: the adapter for aiohttp changes the class of an error, and each `raise` adds to its traceback.
            raise copy.copy(self._error)
        held = self._token
        is_rejected = held is not None and held.value in self._rejected
        if held is not None and held.expires_in and not (is_rejected and self._can_replace(held)):
            return held
        self.tokens_issued += 1
        token = self.hold(f"fake-token-{self.tokens_issued}")
        if is_rejected:
            self._replacements.add(token.value)
        return token

    def reject(self, token: Token) -> bool:
        is_news = self._token == token and token.value not in self._rejected
        self._rejected.add(token.value)
        return is_news

    def authorize(self, method: str, url: str, retried: frozenset[str] = frozenset()) -> Authorization:
        self._check_target(method, url)
        token = self.acquire()
        proof = None
        if token.token_type == "DPoP":
            self._proofs += 1
            proof = f"fake-proof-{self._proofs}"
        return cast(Authorization, FakeAuthorization(token, proof, (method, url), self._nonce, retried))

    def authorize_again(self, refused: Authorization) -> Authorization:
        sent = _fake(refused)
        return self.authorize(*sent.target, sent.retried)

    def observe(
        self, authorization: Authorization, http_status: int, dpop_nonce: str | None, www_authenticate: str | None
    ) -> bool:
        sent = _fake(authorization)
        if dpop_nonce is not None:
            self._nonce = dpop_nonce
        if http_status != 401:
            return False
        found = _ERROR_CODE.search(www_authenticate or "")
        code = found[1].lower() if found else None
        reason = self._reason_to_repeat(sent, code)
        if reason is None:
            raise _refusal(code)
        sent.retried |= {reason}
        return True

    def _reason_to_repeat(self, sent: FakeAuthorization, code: str | None) -> str | None:
        if code == "use_dpop_nonce" and "DPoP" in sent.headers and self._nonce != sent.nonce:
            return None if "nonce" in sent.retried else "nonce"
        if code == "invalid_token":
            self.reject(sent.token)
            return "token" if "token" not in sent.retried and self._can_replace(sent.token) else None
        return None

    def _can_replace(self, token: Token) -> bool:
        """A replacement that is rejected as well is not replaced, and nothing is while the next call would fail."""
        if self._token is not None and self._token != token:
            return True
        return token.value not in self._replacements and (self._error is None or self._errors_left == 0)

    def _check_target(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        if not method or parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgument(f"the method and an absolute URL are needed, not {method!r} and {url!r}")
        api_url = self._options.get("api_url")
        allowed = [api_url, *(self._options.get("allowed_origins") or ())] if api_url else [url]
        if _origin(url) not in [_origin(one) for one in allowed]:
            raise InvalidArgument(f"{_origin(url)} may not receive tokens: it is not the API, nor in allowed_origins")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _fake(authorization: Authorization) -> FakeAuthorization:
    made: object = authorization
    if not isinstance(made, FakeAuthorization):
        raise TypeError("the authorization was not made by a FakeClient, nor by fake_authorization")
    return made


def _refusal(code: str | None) -> TangoError:
    if code in ("use_dpop_nonce", "invalid_dpop_proof"):
        return ProofRefused(f"the API refuses the DPoP proof ({code})", http_status=401, oauth_error=code)
    meaning = "the API refuses the request (HTTP 401); the token is kept"
    if code == "invalid_token":
        meaning = "the API rejects the token, and there is no other to try"
    return TokenRefused(meaning, http_status=401, oauth_error=code)
