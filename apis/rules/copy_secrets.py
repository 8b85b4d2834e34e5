"""Which secrets the policies of an API hold, in the words of their forms: a copy elsewhere needs its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apis.models import PolicyBinding
from console.forms.schema import Schema, of_model, resolve
from policies import catalog


@dataclass(frozen=True)
class HeldSecret:
    """`path` is where it stands in the policy's configuration: "users.0.password"."""

    binding: PolicyBinding
    path: str
    label: str

    @property
    def field(self) -> str:
        return f"secrets.{self.binding.pk}.{self.path}"


def held(bindings: Iterator[PolicyBinding] | list[PolicyBinding]) -> list[HeldSecret]:
    return [HeldSecret(one, path, label_of(one, path)) for one in bindings for path in sorted(one.secrets)]


def label_of(binding: PolicyBinding, path: str) -> str:
    """As its form calls it: "Users 1: Password". The path itself of what the catalog no longer has."""
    try:
        root = of_model(binding.template.config)
    except catalog.UnknownPolicy:
        return path
    words: list[str] = []
    schema: Schema = resolve(root, root)
    for part in path.split("."):
        if part.isdecimal() and words:
            words[-1] = f"{words[-1]} {int(part) + 1}"
            schema = resolve(schema.get("items", {}), root)
        else:
            known = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
            schema = resolve(known, root) if isinstance(known, Mapping) else {}
            words.append(str(schema.get("title") or part))
    return ": ".join(words)
