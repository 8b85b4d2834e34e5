"""What a gateway counts by has a column, and each column is rolled up."""

import pytest

from analytics.grains import FAMILIES, RESOURCES, TRAFFIC, Family
from gateways.protocol.messages import ResourceCount, TrafficCount


@pytest.mark.parametrize(("message", "family"), [(TrafficCount, TRAFFIC), (ResourceCount, RESOURCES)])
def test_what_a_message_tells_is_what_is_rolled_up(
    message: type[TrafficCount] | type[ResourceCount], family: Family
) -> None:
    told = {*message.LABELS, *message.SUMS, *message.HISTOGRAMS}

    assert told | {"time", "namespace", "api"} == set(message.model_fields)
    assert told <= {*family.labels, *family.sums, *family.histograms}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_table_has_the_columns_of_its_family(family: Family) -> None:
    for table in family.tables.values():
        columns = {field.attname for field in table._meta.concrete_fields}
        assert columns == {"id", "time", *family.labels, *family.sums, *family.histograms}, table
