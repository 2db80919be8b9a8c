from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from typing import Any, Final, Literal, TypedDict, final, type_check_only

from typing_extensions import Self, Unpack, disjoint_base

__all__ = [
    "Authorization",
    "Client",
    "DpopKey",
    "Sample",
    "Stats",
    "Token",
    "__version__",
    "dpop_proof",
    "log_to_stderr",
]

__version__: Final[str]

_Algorithm = Literal["ES256", "ES384", "EdDSA", "RS256", "PS256"]

@type_check_only
class Options(TypedDict, total=False):
    environment: Literal["sandbox", "production"] | None
    token_url: str | None
    client_id: str | None
    client_secret: str | None
    username: str | None
    password: str | None
    audience: str | None
    scope: str | None
    ca_file: str | PathLike[str] | None
    proxy: str | None
    user_agent: str | None
    connect_timeout: float | timedelta | None
    attempt_timeout: float | timedelta | None
    total_timeout: float | timedelta | None
    allow_plain_http: bool | None
    api_url: str | None
    allowed_origins: Sequence[str] | None
    dpop: Literal["off", "optional", "required"] | None
    dpop_key_file: str | PathLike[str] | None
    dpop_key: DpopKey | None
    cache: str | None
    cache_ca_file: str | PathLike[str] | None
    allow_fetch_without_cache: bool | None

@disjoint_base
class Client:
    def __new__(cls, *, load_env: bool = False, **options: Unpack[Options]) -> Self: ...
    def acquire(self) -> Token: ...
    def authorize(self, method: str, url: str) -> Authorization: ...
    def authorize_again(self, refused: Authorization) -> Authorization: ...
    def headers(self, method: str, url: str) -> dict[str, str]: ...
    def observe(
        self,
        authorization: Authorization,
        http_status: int,
        *,
        dpop_nonce: str | None = None,
        www_authenticate: str | None = None,
        date: str | None = None,
    ) -> bool: ...
    def invalidate(self, token: Token) -> bool: ...
    def stats(self) -> Stats: ...
    def set_credentials(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    def _acquire(self) -> Awaitable[Token]: ...
    def _authorize(self, method: str, url: str) -> Awaitable[Authorization]: ...
    def _authorize_again(self, refused: Authorization) -> Awaitable[Authorization]: ...

@final
class Token:
    @property
    def value(self) -> str: ...
    @property
    def token_type(self) -> Literal["Bearer", "DPoP"]: ...
    @property
    def scope(self) -> str: ...
    @property
    def expires_in(self) -> timedelta: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def dpop_key(self) -> DpopKey | None: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Stats:
    @property
    def samples(self) -> list[Sample]: ...
    def __getitem__(self, name: str, /) -> float: ...

@final
class Sample:
    @property
    def name(self) -> str: ...
    @property
    def prometheus_name(self) -> str: ...
    @property
    def kind(self) -> Literal["counter", "gauge", "histogram"]: ...
    @property
    def unit(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def attributes(self) -> dict[str, str]: ...
    @property
    def value(self) -> float: ...
    @property
    def buckets(self) -> list[tuple[float, int]]: ...

@final
class Authorization:
    @property
    def headers(self) -> dict[str, str]: ...

@final
class DpopKey:
    @staticmethod
    def generate(algorithm: _Algorithm = "ES256") -> DpopKey: ...
    @staticmethod
    def from_pem(pem: str, algorithm: _Algorithm | None = None) -> DpopKey: ...
    @staticmethod
    def from_jwk(jwk: str | Mapping[str, Any]) -> DpopKey: ...
    @staticmethod
    def from_file(path: str | PathLike[str]) -> DpopKey: ...
    @staticmethod
    def from_signer(
        algorithm: _Algorithm, public_jwk: str | Mapping[str, Any], sign: Callable[[bytes], bytes]
    ) -> DpopKey: ...
    @property
    def algorithm(self) -> _Algorithm: ...
    @property
    def public_jwk(self) -> dict[str, Any]: ...
    @property
    def thumbprint(self) -> str: ...
    def to_pem(self) -> str: ...

def dpop_proof(
    key: DpopKey,
    method: str,
    url: str,
    *,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str: ...
def log_to_stderr(
    level: Literal["off", "error", "warn", "info", "debug", "trace"], format: Literal["text", "json"] = "text"
) -> None: ...
