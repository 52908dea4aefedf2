# SPDX-License-Identifier: Apache-2.0
"""What a broker of any kind is reached with: its address, a user, and the files for TLS.

The rule it keeps: whoever names no file of his own still checks the broker's certificate.
"""

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """An address and how to log in there; what the address may look like, each kind of broker says itself."""

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def tls_context(self) -> ssl.SSLContext:
        """Give the context that checks the broker's certificate and, where there is one, shows ours."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context
