"""The form of one policy on an API: filled in, saved, compared with what another saved meanwhile."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import QueryDict

from apis import operations
from apis.changes import policies, versions
from apis.changes.policies import place_of
from apis.documents.specification import Specification
from apis.forms import advanced, upstream_choice
from apis.models import ApiInstance, PolicyBinding
from apis.rules import policy_advice, policy_check
from apis.rules.policy_config import merged
from apis.views.access import messages_of
from apis.views.conflict import Conflict, conflict
from console.forms import schema_data, schema_form
from console.forms.schema_form import Field
from console.models import User
from console.versions import Changed
from policies import browse
from policies.policy import Policy


class PolicyForm:
    """`binding` is None for a policy that is to be applied. `seen` is the version that the form showed, or
    for a policy that is to be applied, the newest that the API had then.
    """

    def __init__(
        self, api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None, seen: str = ""
    ) -> None:
        self.api, self.policy, self.binding = api, policy, binding
        self.schema = policy.config.model_json_schema(by_alias=True)
        self.seen = seen or (versions.of_policy(binding) if binding else versions.newest_policy(api))
        self.config: dict[str, Any] = binding.config if binding else {}
        self.more: advanced.Values = _more(binding) if binding else {}
        self.upstreams = upstream_choice.chosen(api, policy, binding)
        self.errors: dict[str, list[str]] = {}
        self.conflict: Conflict | None = None

    @property
    def status(self) -> int:
        if self.conflict:
            return 409
        return 422 if self.errors else 200

    def read(self, data: QueryDict) -> None:
        self.config, self.more = schema_data.read(self.schema, data), advanced.read(data)
        self.upstreams = upstream_choice.read(data)

    @cached_property
    def document(self) -> Specification | None:
        return operations.document_of(self.api)

    def add_operations(self, data: QueryDict) -> None:
        """The chosen operations as further conditions, whatever the policy was for."""
        found = operations.conditions(operations.asked(self.document, data))
        if not found:
            return
        had = self.more.get("conditions", [])
        rows = [one for one in had if one.get("methodRegex") or one.get("uriTemplateRegex")]
        added = [one for one in found if one not in rows]
        self.more = self.more | {"applies": advanced.SOME, "conditions": [*rows, *added]}

    def save(self, user: User, deploy: bool | None = None) -> bool:
        """Whether it was saved; else `errors` or `conflict` tell why not. `deploy` is as in
        `deploying.saved`.
        """
        rows_of = advanced.conditions(self.policy, self.more)
        label, order = self.more.get("label", ""), self.more.get("order")
        mode = self.more.get("mode") or PolicyBinding.Mode.ENFORCE
        upstreams = self.upstreams
        if unread := advanced.unread(self.more):
            found = policy_check.faults(
                self.api, self.policy, self.config, rows_of, mode=mode, upstreams=upstreams
            )
            self.errors = found | unread
            return False
        try:
            if self.binding:
                policies.edit_policy(
                    user,
                    self.binding,
                    self.config,
                    conditions=rows_of,
                    upstreams=upstreams,
                    label=label,
                    mode=mode,
                    seen=self.seen,
                    deploy=deploy,
                )
            else:
                is_placed = order is None and not self.policy.is_outbound
                order = place_of(self.api, self.policy) if is_placed else order
                policies.apply_policy(
                    user,
                    self.api,
                    self.policy.name,
                    self.config,
                    conditions=rows_of,
                    upstreams=upstreams,
                    label=label,
                    order=order,
                    mode=mode,
                    newest=int(self.seen) if self.seen.isdecimal() else None,
                    deploy=deploy,
                )
        except ValidationError as error:
            self.errors = messages_of(error)
        except Changed:
            self._compare()
        return not self.errors and not self.conflict

    def unsaved(self) -> PolicyBinding:
        """The policy as the form has it, in the place that it would have. Raises ValidationError."""
        rows, mode = advanced.conditions(self.policy, self.more), self.more.get("mode")
        mode = mode or PolicyBinding.Mode.ENFORCE
        stored = self.binding.secrets if self.binding else {}
        config, upstreams = merged(self.config, stored), self.upstreams
        if unread := advanced.unread(self.more):
            found = policy_check.faults(self.api, self.policy, config, rows, mode=mode, upstreams=upstreams)
            raise ValidationError(found | unread)
        public, secrets, kept = policy_check.checked(
            self.api, self.policy, config, rows, mode=mode, upstreams=upstreams
        )
        order = self.binding.order if self.binding else self.more.get("order")
        return PolicyBinding(
            pk=self.binding.pk if self.binding else 0,
            api=self.api,
            policy=self.policy.name,
            config=public,
            secrets=secrets,
            conditions=kept,
            upstreams=upstreams,
            order=order or place_of(self.api, self.policy),
            mode=mode,
        )

    def context(self) -> dict[str, Any]:
        fields, more = self._fields(self.config), advanced.fields(self.more, self.errors)
        shown = [one for name, one in more.items() if name != "mode"]
        folded = [*(one for one in fields if one.is_advanced), *shown]
        # An empty row of conditions is sent by every form; which requests it is for says whether it counts.
        is_open = any(one.is_wrong or (one.is_set and one.name != "conditions") for one in folded)
        return {
            "policy": self.policy,
            "binding": self.binding,
            "fields": fields,
            "upstreams": self._upstream_field(self.upstreams),
            "advanced": more,
            "is_open": is_open,
            "errors": self.errors,
            "general": [text for name in ("", "policy", "config") for text in self.errors.get(name, [])],
            "introduction": browse.introduction(self.policy),
            "warnings": self.warnings(),
            "seen": self.seen,
            "conflict": self.conflict,
        }

    def warnings(self) -> policy_advice.Warnings:
        """Of what the form holds, where it can be saved."""
        stored = self.binding.secrets if self.binding else {}
        rows = advanced.conditions(self.policy, self.more)
        return (
            {}
            if self.errors
            else policy_advice.warnings(self.api, self.policy, merged(self.config, stored), rows)
        )

    def _compare(self) -> None:
        """Theirs beside what is saved now; sent once more, it is overwritten knowingly."""
        binding = self.binding
        if binding is None:
            return
        self.seen = versions.of_policy(binding)
        self.conflict = conflict(
            binding,
            [*self._compared(self.upstreams), *self._fields(self.config), *_of(self.more)],
            [*self._compared(binding.upstreams), *self._fields(binding.config), *_of(_more(binding))],
            self.api.environment,
        )

    def _compared(self, upstreams: Sequence[UUID]) -> list[Field]:
        one = self._upstream_field(upstreams)
        return [one] if one else []

    def _upstream_field(self, chosen: Sequence[UUID]) -> Field | None:
        return upstream_choice.field(self.api, self.policy, chosen, self.errors)

    def _fields(self, config: dict[str, Any]) -> tuple[Field, ...]:
        stored = self.binding.secrets if self.binding else {}
        return schema_form.fields(self.schema, config, self.errors, stored)


def _of(more: advanced.Values) -> Iterable[Field]:
    return advanced.fields(more, {}).values()


def _more(binding: PolicyBinding) -> advanced.Values:
    return advanced.values_of(binding.conditions, binding.label, binding.mode)
