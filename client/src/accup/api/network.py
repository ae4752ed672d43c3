"""How a service is reached: whose certificates are trusted, and through which proxy."""

import os
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLCertVerificationError, SSLContext, SSLError
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from accup.api.targets import Target
from accup.errors import ServiceError, UsageError

# OpenSSL's codes for a chain that ends at an authority that is not trusted (x509_vfy.h).
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM format: authorities to trust besides those of the system, and our own certificate with its key."""

    ca: Path | None = None
    client: Path | None = None

    def context(self) -> SSLContext:
        """What TLS connections are made with.

        Raises:
            UsageError: a file, or the one that ``SSL_CERT_FILE`` names, cannot be read or is not as it should be.
        """
        from truststore import SSLContext as SystemContext  # noqa: PLC0415  # http:// needs none

        context = SystemContext(PROTOCOL_TLS_CLIENT)
        named = os.environ.get("SSL_CERT_FILE")
        try:
            # OpenSSL ignores a file that is not there, and then trusts nobody.
            given = Path(named) if named else None
            if given is not None:
                given.open("rb").close()
            if (given := self.ca) is not None:
                context.load_verify_locations(given)
            if (given := self.client) is not None:
                context.load_cert_chain(given, password="")
        except (OSError, ValueError) as error:
            reason = "it is not as it should be" if isinstance(error, SSLError | ValueError) else error.strerror
            raise UsageError(
                f"The certificate file {given} cannot be used: {reason}. It must be in PEM format; a certificate of "
                "one's own is followed by its key, without a password."
            ) from None
        return context


def proxy_of(target: Target) -> str | None:
    """The URL of the proxy that the environment (or Windows, or macOS) names for a target; none for this machine."""
    parts = urlsplit(target.base)
    if target.is_loopback or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{url}" if url and "://" not in url else url


def unusable_proxy(url: str) -> UsageError:
    """The error for a proxy that cannot be used. It does not repeat the URL, which may have a password in it."""
    if url.startswith("socks"):
        return UsageError("The proxy of ALL_PROXY or HTTPS_PROXY is a SOCKS proxy. Only HTTP proxies can be used.")
    return UsageError(
        "The proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not a URL such as http://proxy.contoso.com:8080."
    )


def certificate_error(host: str, error: BaseException) -> ServiceError | None:
    """What a failure of TLS that will not pass means; ``None`` for every other failure."""
    cause = _cause(error)
    if isinstance(cause, SSLCertVerificationError):
        advice = "Check --url; else the service's administrators have to renew the certificate."
        if cause.verify_code in _UNKNOWN_AUTHORITY:
            advice = "If an authority of your organization has issued it, name its certificate with --ca-cert FILE."
        return ServiceError(f"The certificate of {host} is not accepted: {cause.verify_message}. {advice}")
    if cause is not None and cause.reason in _NOT_TLS:
        return ServiceError(
            f"{host} does not speak TLS at this port. Check --url: http:// or another port may be meant."
        )
    if cause is not None and "CERTIFICATE" in str(cause.reason):
        return ServiceError(
            f"{host} does not accept this client's certificate ({cause.reason}). Give --client-cert FILE."
        )
    return None


def _cause(error: object) -> SSLError | None:
    """The error of TLS behind another one, which may have it as an argument (urllib3) or as its cause."""
    if isinstance(error, SSLError) or not isinstance(error, BaseException):
        return error if isinstance(error, SSLError) else None
    behind = (error.__cause__ or error.__context__, getattr(error, "reason", None), *error.args[:1])
    return next((found for each in behind if (found := _cause(each))), None)


_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})
