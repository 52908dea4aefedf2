# SPDX-License-Identifier: Apache-2.0
"""What a broker of any kind is reached with: its address, a user, and the files for TLS.

The rule it keeps: whoever names no file of his own still checks the broker's certificate.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path


class BadSecret(ValueError):
    """The file of a password cannot be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """An address and how to log in there; what the address may look like, each kind of broker says itself.

    A password that stands in a file is read for each connection: who starts needs no secret yet, and a new one counts
    from the next connection on.
    """

    url: str
    username: str = ""
    password: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    password_file: str = ""

    def secret(self) -> str:
        """Give the password; BadSecret when its file cannot be read."""
        if not self.password_file:
            return self.password
        try:
            return Path(self.password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadSecret(f"{self.password_file}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise BadSecret(f"{self.password_file}: not UTF-8") from error

    def tls_context(self) -> ssl.SSLContext:
        """Give the context that checks the broker's certificate and, where there is one, shows ours."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context
