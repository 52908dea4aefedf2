# SPDX-License-Identifier: Apache-2.0
"""What a broker of any kind is reached with: its address, a user, and the files for TLS.

The rule it keeps: whoever names no file of his own still checks the broker's certificate.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path


class BadFile(OSError):
    """A file that a login needs cannot be used: ``file`` says which, ``seen`` what was found."""

    def __init__(self, file: str, seen: str) -> None:
        super().__init__(f"{file}: {seen}")
        self.file, self.seen = file, seen


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
        """Give the password; BadFile when its file cannot be read or is empty."""
        if not self.password_file:
            return self.password
        try:
            found = Path(self.password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadFile(self.password_file, error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise BadFile(self.password_file, "not UTF-8") from error
        if not found:
            raise BadFile(self.password_file, "empty")
        return found

    def tls_context(self) -> ssl.SSLContext:
        """Give the context that checks the broker's certificate and, where there is one, shows ours. BadFile."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:  # the library's own error among them; neither names the file
            raise BadFile(self.ca_file, error.strerror or str(error)) from error
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file or None)
            except OSError as error:
                raise BadFile(f"{self.cert_file}, {self.key_file}", error.strerror or str(error)) from error
        return context
