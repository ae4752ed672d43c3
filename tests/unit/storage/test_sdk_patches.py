"""Transactions are written faster, and as azure-core writes them."""

import email.policy
from email.headerregistry import HeaderRegistry

import azure.core.utils._pipeline_transport_rest_shared as sdk_multipart
import pytest
from azure.core.rest import HttpRequest

from shared.storage.azure.sdk_patches import plain_headers_in_transactions

plain_headers_in_transactions()


def transaction() -> bytes:
    """The body of a transaction, as azure-data-tables has azure-core write it."""
    changes = [
        HttpRequest("POST", "https://a.table.core.windows.net/t", json={"Name": "ä 名\r\n--changeset_1--\r\n"}),
        HttpRequest(
            "DELETE", "https://a.table.core.windows.net/t(PartitionKey='p',RowKey='r')", headers={"If-Match": "*"}
        ),
    ]
    changeset = HttpRequest("POST", "")
    changeset.set_multipart_mixed(*changes, boundary="changeset_1")
    request = HttpRequest("POST", "https://a.table.core.windows.net/$batch")
    request.set_multipart_mixed(changeset, boundary="batch_1")
    request.prepare_multipart_body()
    return bytes(request.content)


def test_a_transaction_has_the_same_bytes_as_with_the_policy_of_azure_core(monkeypatch: pytest.MonkeyPatch) -> None:
    faster = transaction()
    monkeypatch.setattr(sdk_multipart, "HTTP", email.policy.HTTP)

    assert faster == transaction()
    assert faster.count(b"--changeset_1\r\n") == 2


def test_no_header_of_a_transaction_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("a header was parsed")

    monkeypatch.setattr(HeaderRegistry, "__call__", parse)

    assert transaction()
