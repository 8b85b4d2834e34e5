"""The form of one policy on an API: filled in, saved, compared with what another saved meanwhile."""

from collections.abc import Sequence
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
from apis.forms.acting_provider import acting
from apis.forms.shared_secrets import SharedSecrets
from apis.models import ApiInstance, PolicyBinding
from apis.rules import kept_secrets, policy_advice, policy_check
from apis.rules.policy_config import merged
from apis.views.access import messages_of
from apis.views.conflict import Conflict, Meeting
from console.forms import schema_data, schema_form
from console.forms.merging import FormPart
from console.forms.schema import PREFIX, of_model
from console.forms.schema_form import Field
from console.models import User
from console.numbers import number
from console.versions import Changed
from policies import browse
from policies.policy import Policy


class PolicyForm:
    """`binding` is None for a policy that is to be applied. `seen` is the version that the form showed, or
    for a policy that is to be applied, the newest that the API had then.
    """

    def __init__(
        self,
        api: ApiInstance,
        policy: Policy[Any],
        binding: PolicyBinding | None,
        seen: str = "",
        data: QueryDict | None = None,
    ) -> None:
        self.api, self.policy, self.binding = api, policy, binding
        self.schema = of_model(policy.config)
        self.seen = seen or (versions.of_policy(binding) if binding else versions.newest_policy(api))
        self.config: dict[str, Any] = binding.config if binding else {}
        self.more: advanced.Values = _more(binding) if binding else {}
        self.upstreams = upstream_choice.chosen(api, policy, binding)
        self.errors: dict[str, list[str]] = {}
        self.conflict: Conflict | None = None
        self.sent, self.data = seen, data if data is not None else QueryDict()

    @property
    def status(self) -> int:
        if self.conflict and not self.is_choosing:
            return 409
        return 422 if self.errors else 200

    def read(self, data: QueryDict) -> None:
        self.config, self.more = schema_data.read(self.schema, data), advanced.read(data)
        if self.binding:
            self.config = schema_data.unsaid(self.schema, self.config, self.binding.config)
        self.upstreams = upstream_choice.read(data)

    @cached_property
    def meeting(self) -> Meeting | None:
        """With whoever else edits the policy, which is applied already."""
        if self.binding is None:
            return None
        made_of = [
            FormPart("config", self.schema, PREFIX, self.binding.secrets),
            FormPart("more", advanced.SCHEMA),
            FormPart("upstreams", upstream_choice.schema(self.api, self.policy)),
        ]
        return Meeting(made_of, self.binding, self.api.environment, self.data)

    @property
    def is_choosing(self) -> bool:
        return self.meeting is not None and self.meeting.is_choosing

    def choose(self) -> None:
        """Make the choice that a button asks for, between what two people made of the policy."""
        if self.meeting:
            self._hold(self.meeting.chosen(self._values(), self._saved()))

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
                    newest=number(self.seen),
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
        was = self.binding.config if self.binding else {}
        found = kept_secrets.faults(self.policy, was, stored, self.config)
        config, upstreams = merged(self.config, stored), self.upstreams
        if unread := advanced.unread(self.more):
            found |= policy_check.faults(self.api, self.policy, config, rows, mode=mode, upstreams=upstreams)
            raise ValidationError(found | unread)
        public, secrets, kept = policy_check.checked(
            self.api, self.policy, config, rows, mode=mode, upstreams=upstreams, found=found
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
            "acting": acting(self.policy, self.api.environment, self.config),
            "shared_secrets": SharedSecrets(self.api.environment),
            "seen": self.seen,
            "base": self.meeting.base(self._saved(), self.sent) if self.meeting else "",
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
        """The form then holds what both made of it; sent once more, it is saved so."""
        if self.binding and self.meeting:
            self.seen, self.sent = versions.of_policy(self.binding), ""
            self._hold(self.meeting.met(self._values(), self._saved()))

    def _hold(self, found: tuple[dict[str, Any], Conflict]) -> None:
        values, self.conflict = found
        self.config, self.more = values["config"], values["more"]
        self.upstreams = upstream_choice.ids(values["upstreams"].get(upstream_choice.NAME, ()))

    def _values(self) -> dict[str, Any]:
        return _whole(self.config, self.more, self.upstreams)

    def _saved(self) -> dict[str, Any]:
        binding = self.binding
        return _whole(binding.config, _more(binding), binding.upstreams) if binding else {}

    def _upstream_field(self, chosen: Sequence[UUID]) -> Field | None:
        return upstream_choice.field(self.api, self.policy, chosen, self.errors)

    def _fields(self, config: dict[str, Any]) -> tuple[Field, ...]:
        stored = self.binding.secrets if self.binding else {}
        return schema_form.fields(self.schema, config, self.errors, stored)


def _whole(config: dict[str, Any], more: advanced.Values, upstreams: Sequence[UUID]) -> dict[str, Any]:
    """An empty row of conditions, which every form sends, says nothing."""
    rows = [one for one in more.get("conditions", ()) if any(one.values())]
    chosen = {upstream_choice.NAME: list(map(str, upstreams))}
    return {"config": config, "more": {**more, "conditions": rows}, "upstreams": chosen}


def _more(binding: PolicyBinding) -> advanced.Values:
    return advanced.values_of(binding.conditions, binding.label, binding.mode)
