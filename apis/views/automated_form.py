"""The form of one automated policy: filled in, saved, compared with what another saved meanwhile."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404

from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import automated as change
from apis.changes import automated_check
from apis.changes.automated_check import Applies
from apis.forms import advanced
from apis.forms import automated as rules
from apis.forms.acting_provider import acting
from apis.forms.shared_secrets import SharedSecrets
from apis.lists import choices
from apis.views.access import automated_to_change, environment_of, messages_of
from apis.views.conflict import Conflict, of_rows
from console.forms import schema_data, schema_form
from console.forms.differences import differences
from console.forms.schema import of_model
from console.forms.schema_form import Field
from console.models import Environment, User
from console.numbers import number
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed
from policies import browse, catalog
from policies.policy import Policy

OFFERED = 50
"""Of tags."""
GENERAL = ("", "policy", "config", "policy_version")


class AutomatedForm:
    """`row` is None for one that is to be added. `seen` is the version that the form showed, or for a new
    one, the newest that the environment had then.
    """

    def __init__(
        self,
        environment: Environment,
        policy: Policy[Any],
        row: AutomatedPolicy | None,
        seen: str = "",
        policy_set: PolicySet | None = None,
    ) -> None:
        self.environment, self.policy, self.row = environment, policy, row
        self.policy_set = row.policy_set if row else policy_set
        self.schema = of_model(policy.config)
        self.seen = seen or (change.seen_version(row) if row else change.newest(environment))
        self.config: dict[str, Any] = row.config if row else {}
        self.more: advanced.Values = _more(row) if row else {}
        self.rule: rules.Values = rules.values_of(automated_check.applies_of(row) if row else Applies())
        self.errors: dict[str, list[str]] = {}
        self.conflict: Conflict | None = None

    @property
    def status(self) -> int:
        return 409 if self.conflict else 422 if self.errors else 200

    def read(self, data: QueryDict) -> None:
        self.config, self.more = schema_data.read(self.schema, data), advanced.read(data)
        if self.row:
            self.config = schema_data.unsaid(self.schema, self.config, self.row.config)
        self.rule = rules.read(data)
        if self.policy_set:
            self.rule["covers"] = rules.ALL

    def unsaved(self) -> AutomatedPolicy:
        """As the form has it. Raises ValidationError by the form's fields."""
        try:
            return automated_check.unsaved(
                self.environment,
                self.policy,
                self.config,
                rules.applies(self.rule),
                conditions=advanced.conditions(self.policy, self.more),
                label=self.more.get("label", ""),
                mode=self._mode,
                like=self.row,
                policy_set=self.policy_set,
            )
        except ValidationError as error:
            raise ValidationError(rules.named(error.message_dict) | self._unread()) from error

    def save(self, user: User) -> bool:
        """Whether it was saved; else `errors` or `conflict` tell why not."""
        if unread := self._unread():
            self.errors = unread
            try:
                self.unsaved()
            except ValidationError as error:
                self.errors = error.message_dict
            return False
        try:
            self._save(user)
        except ValidationError as error:
            self.errors = rules.named(messages_of(error))
        except Changed:
            self._compare()
        return not self.errors and not self.conflict

    def _save(self, user: User) -> None:
        applies, conditions = rules.applies(self.rule), advanced.conditions(self.policy, self.more)
        label, mode = self.more.get("label", ""), self._mode
        if self.row:
            change.edit(
                user,
                self.row,
                self.config,
                applies,
                conditions=conditions,
                label=label,
                mode=mode,
                seen=self.seen,
            )
        else:
            self.row = change.add(
                user,
                self.environment,
                self.policy.name,
                self.config,
                applies,
                conditions=conditions,
                label=label,
                mode=mode,
                order=self.more.get("order"),
                newest_seen=number(self.seen),
                policy_set=self.policy_set,
            )

    @property
    def _mode(self) -> str:
        return self.more.get("mode") or AutomatedPolicy.Mode.ENFORCE

    def _unread(self) -> dict[str, list[str]]:
        return {**advanced.unread(self.more), **rules.unread(self.rule)}

    def context(self) -> dict[str, Any]:
        fields, more = self._fields(self.config), advanced.fields(self.more, self.errors)
        shown = [one for name, one in more.items() if name != "mode"]
        folded = [*(one for one in fields if one.is_advanced), *shown]
        is_open = any(one.is_wrong or (one.is_set and one.name != "conditions") for one in folded)
        return {
            "policy": self.policy,
            "row": self.row,
            "policy_set": self.policy_set,
            "fields": fields,
            "rule": self._offering_tags(self._rule(self.rule)),
            "advanced": more,
            "is_open": is_open,
            "errors": self.errors,
            "general": [text for name in GENERAL for text in self.errors.get(name, [])],
            "acting": acting(self.policy, self.environment, self.config),
            "introduction": browse.introduction(self.policy),
            "shared_secrets": SharedSecrets(self.environment),
            "seen": self.seen,
            "conflict": self.conflict,
        }

    def _compare(self) -> None:
        """Theirs beside what is saved now; sent once more, it is overwritten knowingly."""
        row = self.row
        if row is None:
            return
        self.seen = change.seen_version(row)
        theirs = rules.values_of(automated_check.applies_of(row))
        saved = [*self._fields(row.config), *_of(_more(row)), *self._rule(theirs)]
        mine = [*self._fields(self.config), *_of(self.more), *self._rule(self.rule)]
        self.conflict = of_rows(row, differences(mine, saved, {}))

    def _rule(self, values: rules.Values) -> list[Field]:
        is_once = self.policy.is_applied_once
        found = rules.fields(values, self.errors, self.environment, is_once=is_once)
        return found[-1:] if self.policy_set else found

    def _offering_tags(self, rule: list[Field]) -> list[Field]:
        """A set's policies are for the APIs that have the set: there is no tag to choose."""
        if self.policy_set:
            return rule
        return schema_form.offering(rule, "rule.tags", choices.tags(self.environment, OFFERED))

    def _fields(self, config: dict[str, Any]) -> tuple[Field, ...]:
        stored = self.row.secrets if self.row else {}
        return schema_form.fields(self.schema, config, self.errors, stored)


def policy_of(name: str) -> Policy[Any]:
    """A policy that can be automated; 404 for any other."""
    try:
        policy = catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error
    if policy.is_outbound:
        raise Http404(f"{policy.title} acts on upstreams; automated policies act on requests to APIs.")
    return policy


def set_asked(request: Request, environment: Environment) -> PolicySet | None:
    """The set of this environment that the address names; 404 for another's."""
    asked_for = request.GET.get("set", "")
    if not asked_for:
        return None
    return get_object_or_404(environment.policy_sets, pk=number(asked_for) or 0)


def form_of_new(request: Request, name: str) -> AutomatedForm:
    """What parts of a new policy's page send, for who may make one here. Raises Http404, PermissionDenied."""
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    policy_set = set_asked(request, environment)
    return AutomatedForm(environment, policy_of(name), None, policy_set=policy_set)


def form_of_row(request: Request, pk: int) -> AutomatedForm:
    """The same of the page of one that is there."""
    row = automated_to_change(request, pk)
    return AutomatedForm(row.environment, policy_of(row.policy), row)


def _of(more: advanced.Values) -> list[Field]:
    return list(advanced.fields(more, {}).values())


def _more(row: AutomatedPolicy) -> advanced.Values:
    return advanced.values_of(row.conditions, row.label, row.mode)
