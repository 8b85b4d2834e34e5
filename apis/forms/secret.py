"""What a person fills in for a secret: which kind it is, its file or its text, its passphrase."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from apis.secret_groups import shared
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading import limits
from apis.secret_groups.reading.uploaded import UploadedSecret
from console.forms.cards import Card
from console.models import Environment

Kind = Secret.Kind
TYPES = (
    ("PEM", "PEM: text that begins with -----BEGIN"),
    ("PKCS12", "PKCS #12: a .p12 or .pfx file"),
    ("JKS", "JKS: a Java keystore"),
    ("JCEKS", "JCEKS: a Java keystore of a newer kind"),
)
SHARED = (
    ("UsernamePassword", "Username and password"),
    ("SymmetricKey", "Key, such as an API key or a client secret"),
    ("S3Credential", "Access key of S3"),
    ("Blob", "Text of several lines"),
)


def _pem(label: str, about: str = "", secret: bool = False) -> forms.CharField:
    attributes: dict[str, Any] = {
        "class": "mono pem",
        "rows": 4,
        "spellcheck": "false",
        "autocomplete": "off",
    }
    if secret:
        attributes["data-secret"] = True
    return forms.CharField(label=label, help_text=about, required=False, widget=forms.Textarea(attributes))


def _secret(label: str, about: str = "") -> forms.CharField:
    widget = forms.PasswordInput({"autocomplete": "new-password", "data-secret": True}, render_value=True)
    return forms.CharField(label=label, help_text=about, required=False, strip=False, widget=widget)


def _file(label: str) -> forms.FileField:
    return forms.FileField(label=label, required=False)


class SecretForm(forms.Form):
    """Reads what was typed and chosen; whether it is sound is asked of `apis.changes.secrets`."""

    kind = forms.ChoiceField(
        label="What it is",
        choices=[
            (
                Kind.KEYSTORE,
                Card("Keystore", "A certificate with its private key, to serve or to be known by"),
            ),
            (Kind.TRUSTSTORE, Card("Truststore", "Certificates of those who are trusted")),
            (Kind.CERTIFICATE, Card("Certificate", "One by itself, without a key")),
            (Kind.SHARED, Card("Shared secret", "A password or key that policies refer to")),
        ],
        initial=Kind.KEYSTORE,
        widget=forms.RadioSelect,
    )
    group = forms.ChoiceField(label="Secret group", required=False)
    name = forms.CharField(
        required=False,
        help_text="Letters and digits, with -, _ and . between them.",
        widget=forms.TextInput({"autocomplete": "off", "maxlength": 120, "spellcheck": "false"}),
    )
    store_type = forms.ChoiceField(label="Type", choices=TYPES, initial="PEM", required=False)
    certificate = _pem("Certificate", "PEM: its own, and those of its issuers in any order.")
    certificate_file = _file("Certificate file")
    key = _pem("Private key", "PEM. Stored encrypted and never shown.", secret=True)
    key_file = _file("Private key file")
    store = _file("Keystore file")
    passphrase = _secret("Passphrase of the file")
    key_passphrase = _secret("Passphrase of the key", "Where it is encrypted by one of its own.")
    alias = forms.CharField(
        required=False, max_length=255, help_text="Which key, where the file holds several."
    )
    trust_type = forms.ChoiceField(label="Type", choices=TYPES, initial="PEM", required=False)
    trusted = _pem("Trusted certificates", "PEM, one after the other.")
    trusted_file = _file("Trusted certificates' file")
    trust_store = _file("Truststore file")
    trust_passphrase = _secret("Passphrase of the file")
    alone = _pem("Certificate", "PEM: its own first, then those of its issuers, if any.")
    alone_file = _file("Certificate file")
    shared_type = forms.ChoiceField(label="Type", choices=SHARED, initial="UsernamePassword", required=False)
    username = forms.CharField(required=False, widget=forms.TextInput({"autocomplete": "off"}))
    password = _secret("Password")
    symmetric = _secret("Key")
    access_key_id = forms.CharField(
        label="Access key ID", required=False, widget=forms.TextInput({"autocomplete": "off"})
    )
    secret_access_key = _secret("Secret access key")
    content = _pem("Content", secret=True)
    ends_on = forms.DateField(
        label="Expiration date",
        required=False,
        help_text="You are reminded of it; nothing is refused after it. Certificates end by themselves.",
        widget=forms.DateInput({"type": "date"}),
    )

    FIELDS = {
        "username": "username",
        "password": "password",
        "key": "symmetric",
        "accessKeyId": "access_key_id",
        "secretAccessKey": "secret_access_key",
        "content": "content",
    }

    def __init__(
        self, *args: Any, environment: Environment, secret: Secret | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.secret = secret
        groups: Any = self.fields["group"]
        known = list(environment.secret_groups.all()) if secret is None else []
        groups.choices = [(str(one.pk), one.name) for one in known] or [("", SecretGroup.DEFAULT)]
        if secret is not None:
            self.fields["kind"].required = False

    @property
    def what(self) -> str:
        """The kind, which stays as it is."""
        return str(self.secret.kind if self.secret else self.cleaned_data["kind"])

    @property
    def is_renewed(self) -> bool:
        """Whether anything was given that it is to hold: an edit may be about its name alone."""
        given = self.cleaned_data
        if self.what != Kind.SHARED:
            return any(given.get(name) for pair in self._sources() for name in pair)
        told = self.secret.told if self.secret else {}
        return any(given[field] and given[field] != told.get(name) for name, field in self.FIELDS.items())

    def values(self) -> tuple[str, dict[str, str]]:
        """The type of a shared secret, and what it holds."""
        given = self.cleaned_data
        kind = self.secret.type if self.secret else given["shared_type"] or "UsernamePassword"
        return kind, {name: given[self.FIELDS[name]] for name in shared.FIELDS.get(kind, ())}

    def asked(self) -> tuple[UploadedSecret, Mapping[str, Any]]:
        """What of files and texts is to be read, and what is told of them."""
        given, kind = self.cleaned_data, self.what
        files, told = {}, {}
        for (text, file), name in self._sources().items():
            upload = given.get(file)
            if content := _content(upload) if upload else str(given.get(text) or "").encode():
                files[name] = content
                if upload:
                    told[_file_name(kind, name)] = str(upload.name)[:255]
        if kind == Kind.KEYSTORE:
            words = given["passphrase"], given["key_passphrase"], given["alias"]
            told |= {"alias": given["alias"]} if given["alias"] else {}
        else:
            words = given["trust_passphrase"], "", ""
        return UploadedSecret(kind, self._type, files, *words), told

    @property
    def _type(self) -> str:
        chosen = {Kind.KEYSTORE: "store_type", Kind.TRUSTSTORE: "trust_type"}.get(Kind(self.what), "")
        return str(self.cleaned_data.get(chosen) or "PEM")

    def _sources(self) -> dict[tuple[str, str], str]:
        """The fields of text and of file, by what they are read as."""
        if self.what == Kind.CERTIFICATE:
            return {("alone", "alone_file"): "certificate"}
        if self.what == Kind.TRUSTSTORE:
            return {("trusted", "trusted_file") if self._type == "PEM" else ("", "trust_store"): "store"}
        if self._type != "PEM":
            return {("", "store"): "store"}
        return {("certificate", "certificate_file"): "certificate", ("key", "key_file"): "key"}

    def add_faults(self, faults: Mapping[str, list[str]]) -> None:
        """Each at the field that is to be mended."""
        for name, texts in faults.items():
            self.add_error(self._field(name), texts)

    def _field(self, name: str) -> str | None:
        if self.what == Kind.SHARED:
            name = self.FIELDS.get(name, "shared_type" if name == "type" else name)
        elif self.what == Kind.CERTIFICATE:
            name = {"certificate": "alone"}.get(name, name)
        elif self.what == Kind.TRUSTSTORE:
            store = "trusted" if self._type == "PEM" else "trust_store"
            name = {"store": store, "passphrase": "trust_passphrase", "type": "trust_type"}.get(name, name)
        else:
            name = {"type": "store_type", "chain": "certificate"}.get(name, name)
        return name if name in self.fields else None


def initial(secret: Secret) -> dict[str, Any]:
    return {
        "kind": secret.kind,
        "name": secret.name,
        "store_type": secret.type,
        "trust_type": secret.type,
        "shared_type": secret.type,
        "username": secret.told.get("username", ""),
        "access_key_id": secret.told.get("accessKeyId", ""),
        "ends_on": secret.ends_on,
    }


def _content(upload: UploadedFile) -> bytes:
    return bytes(upload.read(limits.MOST_BYTES + 1))


def _file_name(kind: str, field: str) -> str:
    if field == "store":
        return "truststoreFileName" if kind == Kind.TRUSTSTORE else "keystoreFileName"
    return f"{field}FileName"
