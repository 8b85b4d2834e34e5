"""What a person fills in for a TLS context."""

from operator import attrgetter
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from apis import certificates
from apis.changes.tls_contexts import ALPN, MOST_PEM, DesiredTlsContext
from apis.models import TlsContext
from apis.secret_groups.models import Secret
from console.forms.cards import Card
from console.forms.differences import HIDDEN, NOTHING, FieldDifference
from console.models import Environment
from gateways.protocol import tls

FILES = {"certificate_file": "certificate", "key_file": "key", "trusted_ca_file": "trusted_ca"}
"""Fields for files: a file that was chosen replaces the text of its field."""
MOST_HOSTS = 100
"""Of a certificate that is made on the spot."""
NOT_TEXT = (
    '"{}" is not PEM, which is text. Convert it first: openssl pkcs12 -in FILE -nodes -out pair.pem '
    "for a .p12 or .pfx, openssl x509 -inform der -in FILE for a .der."
)


def _pem(label: str, about: str, **options: Any) -> forms.CharField:
    attributes: dict[str, Any] = {
        "class": "mono pem",
        "rows": 5,
        "spellcheck": "false",
        "autocomplete": "off",
    }
    attributes["placeholder"] = options.pop("placeholder")
    if options.pop("secret", False):
        attributes["data-secret"] = True
    return forms.CharField(
        label=label, help_text=about, required=False, widget=forms.Textarea(attributes), **options
    )


class TlsContextForm(forms.Form):
    """Reads what was typed and chosen; whether it is sound is asked of `apis.changes.tls_contexts`."""

    name = forms.CharField(
        required=False,
        help_text="How APIs choose it, for example api.example.com.",
        widget=forms.TextInput({"autocomplete": "off", "maxlength": 120, "autofocus": True}),
    )
    source = forms.ChoiceField(
        label="Certificate and key",
        choices=[
            ("own", Card("Of yours", "From your CA, with its private key")),
            ("keystore", Card("A keystore", "Kept under Secrets, and renewed there for all that use it")),
            ("self-signed", Card("Self-signed", "Made here, for 90 days, to try with")),
            ("none", Card("None", "It only trusts: for upstreams")),
        ],
        initial="own",
        widget=forms.RadioSelect,
    )
    keystore = forms.ModelChoiceField(Secret.objects.none(), required=False, empty_label="Choose a keystore…")
    certificate = _pem(
        "Certificate",
        "PEM: the server's own first, then those of its issuers.",
        placeholder="-----BEGIN CERTIFICATE-----",
    )
    certificate_file = forms.FileField(label="Certificate file", required=False)
    key = _pem("Private key", "", placeholder="-----BEGIN PRIVATE KEY-----", secret=True)
    key_file = forms.FileField(label="Private key file", required=False)
    hosts = forms.CharField(
        label="Hosts",
        required=False,
        help_text="Names and addresses that consumers call, divided by spaces or commas.",
        widget=forms.TextInput({"class": "mono", "spellcheck": "false", "autocapitalize": "none"}),
    )
    min_version = forms.ChoiceField(
        label="Oldest version", choices=TlsContext.Version, initial=TlsContext.Version.TLS_1_2
    )
    max_version = forms.ChoiceField(
        label="Newest version", choices=TlsContext.Version, initial=TlsContext.Version.TLS_1_3
    )
    http2 = forms.BooleanField(
        label="Offer HTTP/2", required=False, initial=True, help_text="Beside HTTP/1.1, by ALPN."
    )
    requires_client_certificate = forms.BooleanField(
        label="Ask clients for a certificate",
        required=False,
        help_text="Mutual TLS: a client without a certificate of the trusted CA is not let in.",
    )
    trusted_ca = _pem(
        "Trusted CA",
        "PEM: who signs the certificates of upstreams, and of clients that are asked for one.",
        placeholder="-----BEGIN CERTIFICATE-----",
    )
    truststore = forms.ModelChoiceField(
        Secret.objects.none(),
        required=False,
        empty_label="None: what is pasted below",
        help_text="Kept under Secrets, and renewed there for all that use it.",
    )
    trusted_ca_file = forms.FileField(label="Trusted CA file", required=False)
    skips_validation = forms.BooleanField(
        label="Take any certificate of an upstream",
        required=False,
        help_text="Encrypted, but with whoever answers: for trials alone.",
    )
    ciphers = forms.MultipleChoiceField(
        label="Cipher suites of TLS 1.2 and older",
        required=False,
        choices=[
            ("Strong", [(one, one) for one in tls.DEFAULT_CIPHERS]),
            ("Weak, for old clients alone", [(one, one) for one in tls.WEAK_CIPHERS]),
        ],
        help_text="None chosen means the strong ones. Those of TLS 1.3 are fixed.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self,
        *args: Any,
        environment: Environment | None = None,
        is_new: bool = True,
        serves: bool = False,
        **kwargs: Any,
    ) -> None:
        """`serves`: it is for an API to serve with, and so needs a certificate."""
        super().__init__(*args, **kwargs)
        for name in ("keystore", "truststore"):
            field: Any = self.fields[name]
            known = Secret.objects.filter(group__environment=environment, kind=name)
            field.queryset = known.select_related("group").order_by("group__name", "name")
            field.label_from_instance = attrgetter("reference")
        source: Any = self.fields["source"]
        if serves:
            source.choices = [one for one in source.choices if one[0] != "none"]
        stored = "" if is_new else " Leave it empty to keep the one that is stored."
        self.fields[
            "key"
        ].help_text = f"PEM, without a passphrase. It is stored encrypted and never shown.{stored}"

    @property
    def trust_is_open(self) -> bool:
        """Whether the part about trust is shown open: it is filled in, or there is nothing else."""
        names = ("trusted_ca", "truststore", "skips_validation", "requires_client_certificate")
        told = any(self[name].value() or self[name].errors for name in names)
        return told or self["source"].value() == "none"

    @property
    def advanced_is_open(self) -> bool:
        """Whether "Advanced" is shown open: a value in it is wrong, or is not the default."""
        usual = {"min_version": "1.2", "max_version": "1.3", "http2": True, "ciphers": []}
        return any(
            self[name].errors or (self[name].value() or []) != (value or []) for name, value in usual.items()
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        trusts = given.get("trusted_ca") or given.get("truststore") or given.get("skips_validation")
        if given.get("trusted_ca") and given.get("truststore"):
            self.add_error("truststore", "Choose a truststore or paste a CA; take the other one out.")
        if given.get("source") != "keystore":
            given["keystore"] = None
        elif not given.get("keystore"):
            self.add_error("keystore", "Choose a keystore; make one under Secrets where there is none.")
        if given.get("source") == "self-signed":
            self._sign(given)
        elif given.get("source") == "own" and not (given.get("certificate") or given.get("key")):
            # Trust alone is sound, yet not what was asked for: no API could serve with it.
            if trusts:
                self.add_error("certificate", "Paste the certificate as PEM, or choose its file.")
        elif given.get("source") in ("none", "keystore"):
            given["certificate"] = given["key"] = ""
            if given["source"] == "none" and not trusts:
                self.add_error(
                    "trusted_ca", "Paste the CA as PEM, or choose its file: trust is all it would have."
                )
        return given

    def desired(self) -> DesiredTlsContext:
        """What a valid form asks for."""
        given = self.cleaned_data
        return DesiredTlsContext(
            name=given["name"],
            certificate=given["certificate"],
            key=given["key"],
            trusted_ca=given["trusted_ca"],
            skips_validation=given["skips_validation"],
            requires_client_certificate=given["requires_client_certificate"],
            min_version=given["min_version"],
            max_version=given["max_version"],
            alpn=ALPN if given["http2"] else ("http/1.1",),
            ciphers=tuple(given["ciphers"]),
            keystore=given["keystore"],
            truststore=given.get("truststore"),
        )

    def _sign(self, given: dict[str, Any]) -> None:
        hosts = given.get("hosts", "").replace(",", " ").split()
        if not hosts:
            self.add_error("hosts", "Write at least one name or address, for example localhost.")
            return
        if len(hosts) > MOST_HOSTS:
            self.add_error("hosts", f"{len(hosts)} names; at most {MOST_HOSTS} fit a certificate.")
            return
        try:
            given["certificate"], given["key"] = certificates.self_signed(hosts)
        except ValueError as error:
            self.add_error("hosts", f'"{error}" is neither a host name nor an IP address.')


def initial(context: TlsContext) -> dict[str, Any]:
    """The form of a context as it is; its key never comes back."""
    return {
        "name": context.name,
        "certificate": "" if context.keystore_id else context.certificate,
        "keystore": context.keystore_id,
        "truststore": context.truststore_id,
        "hosts": " ".join(context.facts.names) if context.facts else "",
        "source": "keystore" if context.keystore_id else "own" if context.certificate else "none",
        "min_version": context.min_version,
        "max_version": context.max_version,
        "http2": "h2" in context.alpn or not context.alpn,
        "requires_client_certificate": context.requires_client_certificate,
        "trusted_ca": "" if context.truststore_id else context.trusted_ca,
        "skips_validation": context.skips_validation,
        "ciphers": context.ciphers,
    }


def differences(form: TlsContextForm, context: TlsContext) -> list[FieldDifference]:
    """Where what was typed is not what is stored. A key is not shown, and a certificate by what it says."""
    stored = TlsContextForm(initial=initial(context), environment=context.environment, is_new=False)
    names = [name for name in form.fields if name not in {*FILES, "hosts"}]
    rows = [
        FieldDifference(str(form[name].label), _shown(form, name), _shown(stored, name)) for name in names
    ]
    return [row for row in rows if row.mine != row.saved]


def _shown(form: TlsContextForm, name: str) -> str:
    value = form[name].value()
    if name == "key":
        return HIDDEN if value else "as stored"
    if name in ("certificate", "trusted_ca") and value:
        return _certificate(str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOTHING
    if name in ("keystore", "truststore"):
        field: Any = form.fields[name]
        found = field.queryset.filter(pk=value).first() if value else None
        return found.reference if found else NOTHING
    choices = dict(getattr(form.fields[name], "choices", ()))
    return str(choices.get(value, value or NOTHING))


def _certificate(pem: str) -> str:
    try:
        facts = certificates.read(pem)
    except ValueError:
        return f"{len(pem)} characters that are no certificate"
    return f"{facts.subject} until {facts.expires_at:%Y-%m-%d}, SHA-256 {facts.fingerprint[:11]}…"


def with_files(data: Any, files: Any) -> tuple[Any, dict[str, str]]:
    """What was posted with each file's text in its field, so that a mistake elsewhere does not lose it, and
    why a file was not taken, by field."""
    merged, refused = data.copy(), {}
    for name, field in FILES.items():
        if upload := files.get(name):
            try:
                merged[field] = _text(upload)
            except ValueError as error:
                refused[field] = str(error)
    return merged, refused


def _text(upload: UploadedFile) -> str:
    if (upload.size or 0) > MOST_PEM:
        raise ValueError(f'"{upload.name}" is longer than {MOST_PEM} bytes; choose the PEM file.')
    try:
        return bytes(upload.read()).decode()
    except UnicodeDecodeError:
        raise ValueError(NOT_TEXT.format(upload.name)) from None
