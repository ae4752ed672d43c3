"""What is changed in Azure's SDKs while the app runs, each by a function that is called where it is needed."""

from contextlib import suppress
from email.policy import HTTP


def plain_headers_in_transactions() -> None:
    """Let azure-core take the headers of a transaction's parts as text. Doing it again changes nothing.

    It writes a transaction as an e-mail message, whose policy parses a header each time it is read: a third of a
    transaction's processor time. Where azure-core has renamed the module or the policy, everything works as before.
    """
    with suppress(ImportError):
        from azure.core.utils import _pipeline_transport_rest_shared as sdk_multipart  # noqa: PLC0415

        sdk_multipart.HTTP = HTTP.clone(header_factory=lambda _name, value: value)  # type: ignore[attr-defined]
