"""What every list and form does, of automated policies and policy sets."""

from typing import cast

from django.db.models import Model

from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import automated, policy_sets
from tests.apis.views.test_usual import gateway_of
from tests.factories import make_actor, make_api, make_automated, make_policy_set
from tests.usual.forms import Form, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList


class TestCoverageOfAnAutomatedPolicy(SearchedList, EmptyList):
    part = "coverage"
    noun = "API"
    nothing = "No APIs here yet"

    def address(self, here: Here) -> str:
        found = AutomatedPolicy.objects.filter(environment=here.environment).first()
        return f"/apis/automated/{(found or make_automated(here.environment)).pk}"

    def make(self, here: Here, name: str) -> object:
        return make_api(gateway_of(here), name=name)


class TestPolicySets(SearchedList, EmptyList):
    path = "/apis/policy-sets"
    part = "policy-sets"
    noun = "policy set"
    nothing = "No policy sets yet"
    offers = "/apis/policy-sets/add"

    def make(self, here: Here, name: str) -> object:
        return make_policy_set(here.environment, name=name)


class TestApisOfAPolicySet(SearchedList, EmptyList):
    part = "given"
    noun = "API"
    nothing = "No API has it yet"

    def address(self, here: Here) -> str:
        return f"/apis/policy-sets/{self._set(here).pk}"

    def make(self, here: Here, name: str) -> object:
        api, found = make_api(gateway_of(here), name=name), self._set(here)
        PolicySet.objects.filter(pk=found.pk).update(apis=[*found.apis, api.pk])
        return api

    def _set(self, here: Here) -> PolicySet:
        found = PolicySet.objects.filter(environment=here.environment).first()
        return found or make_policy_set(here.environment)


class TestNewAutomatedPolicy(Form):
    bad = {"config.ips": "10.0.0.300"}
    at = "f-config.ips"
    words = "10.0.0.300"
    typed = {"label": "kept", "rule.tags": "kept"}

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/apis/automated/add/ip-blocklist"

    def good(self, here: Here) -> Sent:
        rule = {"rule.covers": "some", "rule.names": "o*", "rule.names_are": "wildcard"}
        return {"config.ips": "10.9.9.9", "rule.conflicts": "wins", "applies": "all", "label": ""} | rule

    def is_saved(self, row: Model) -> bool:
        return AutomatedPolicy.objects.filter(environment=row, names="o*").exists()


class TestEditedAutomatedPolicy(VersionedForm):
    bad = {"config.ips": "10.0.0.300"}
    at = "f-config.ips"
    words = "10.0.0.300"
    typed = {"label": "kept"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return make_automated(here.environment)

    def address(self, row: Model) -> str:
        return f"/apis/automated/{row.pk}/edit"

    def good(self, here: Here) -> Sent:
        rule = {"rule.covers": "all", "rule.conflicts": "yields"}
        return {"config.ips": "10.0.0.2", "applies": "all", "label": ""} | rule

    def is_saved(self, row: Model) -> bool:
        found = AutomatedPolicy.objects.get(pk=row.pk)
        return found.config["ips"] == ["10.0.0.2"] and found.conflicts == "yields"

    def change_meanwhile(self, row: Model, here: Here) -> None:
        automated.edit(make_actor(), cast(AutomatedPolicy, row), {"ips": ["10.0.0.9"]})


class TestNewPolicySet(Form):
    bad = {"name": "", "description": "kept"}
    at = "f-name"
    words = "Give the policy set a name."

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/apis/policy-sets/add"

    def good(self, here: Here) -> Sent:
        return {"name": "Public", "description": ""}

    def is_saved(self, row: Model) -> bool:
        return PolicySet.objects.filter(environment=row, name="Public").exists()


class TestEditedPolicySet(VersionedForm):
    bad = {"name": "", "description": "kept"}
    at = "f-name"
    words = "Give the policy set a name."

    def make(self, here: Here) -> Model:
        return make_policy_set(here.environment)

    def address(self, row: Model) -> str:
        return f"/apis/policy-sets/{row.pk}/edit"

    def good(self, here: Here) -> Sent:
        return {"name": "Public", "description": "Ours"}

    def is_saved(self, row: Model) -> bool:
        return PolicySet.objects.filter(pk=row.pk, name="Public", description="Ours").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        policy_sets.edit(make_actor(), cast(PolicySet, row), "theirs", "")
