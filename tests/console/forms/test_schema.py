"""What all pages share of a model: its schema, made once."""

import json

from django.http import QueryDict

from console.forms import schema_data, schema_form
from console.forms.schema import of_model
from policies import catalog


def test_forms_change_nothing_in_the_schema_that_all_share() -> None:
    schemas = [of_model(one.config) for one in catalog.policies()]
    before = json.dumps(schemas)

    for one in schemas:
        config = schema_data.read(one, QueryDict())
        schema_form.fields(one, config)

    assert json.dumps(schemas) == before
    assert [id(of_model(one.config)) for one in catalog.policies()] == [id(one) for one in schemas]
