"""Which addresses are topics of Azure Event Grid, which get a token."""

import pytest

from shared.targets.webhook import event_grid_scope


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://t.westeurope-1.eventgrid.azure.net/api/events", "https://eventgrid.azure.net/.default"),
        ("https://T.WestEurope-1.EventGrid.Azure.NET/api/events", "https://eventgrid.azure.net/.default"),
        ("https://t.usgovvirginia-1.eventgrid.azure.us/api/events", "https://eventgrid.azure.us/.default"),
        ("https://t.chinaeast2-1.eventgrid.azure.cn/api/events", "https://eventgrid.azure.cn/.default"),
        ("https://x.eventgrid.azure.evil.example/api/events", None),
        ("https://x.eventgrid.azure.net.evil.example/api/events", None),
        ("https://evil-eventgrid.azure.net/api/events", None),
        ("https://evil.example/.eventgrid.azure.net", None),
    ],
)
def test_only_a_host_of_event_grid_gets_a_token_and_that_of_its_cloud(url: str, scope: str | None) -> None:
    assert event_grid_scope(url) == scope
