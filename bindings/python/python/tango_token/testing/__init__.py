"""For the tests of programs that use this package: a client without a server, and the sandbox for a whole program.

    from tango_token.testing import FakeClient

    fake = FakeClient()
    assert Catalog(fake, transport).names() == ["a gift card"]
    assert fake.tokens_issued == 1

pytest has the fixtures ``tango_fake_client``, ``tango_sandbox`` and ``tango_client`` wherever the package is installed.
"""

from tango_token.testing._clock import FakeClock
from tango_token.testing._fake import Call, FakeClient
from tango_token.testing._sandbox import Sandbox, SandboxError
from tango_token.testing._tokens import fake_authorization, fake_token

__all__ = [
    "Call",
    "FakeClient",
    "FakeClock",
    "Sandbox",
    "SandboxError",
    "fake_authorization",
    "fake_token",
]
