"""API Manager's REST interface: the paths that clients of Anypoint use. No trailing slashes."""

from typing import Any

from django.urls import URLPattern, path

from apis.rest import client_provider_urls, gateway_urls, list_urls
from apis.rest.applications import ApplicationContractViews, ApplicationViews
from apis.rest.automated import AutomatedViews
from apis.rest.catalog import ExchangeTemplateViews, TemplateViews
from apis.rest.change_sets import ChangeSetViews
from apis.rest.contracts import ContractViews, DecisionViews
from apis.rest.copies import CopyViews
from apis.rest.documents import DocumentViews
from apis.rest.exporting import ExportViews
from apis.rest.findings import FindingViews
from apis.rest.graph import Graph
from apis.rest.groups import Groups
from apis.rest.hiding import VISIBILITY, VisibilityViews
from apis.rest.importing import ImportViews
from apis.rest.instances import InstanceViews
from apis.rest.marks import AutodiscoveryViews, OwnerViews, PinViews, TagViews
from apis.rest.paths import AM, AMX, SCOPE
from apis.rest.pending import PendingViews
from apis.rest.policies import PolicyViews
from apis.rest.policy_sets import PolicySetViews
from apis.rest.promotions import PromotionsViews
from apis.rest.rehearsals import RehearsalViews
from apis.rest.removed import RemovedApiViews, RemovedAutomatedViews, RemovedPolicyViews
from apis.rest.revisions import HistoryViews, RevisionViews
from apis.rest.secret_groups import SecretGroupViews
from apis.rest.secret_reach import SecretsViewSet
from apis.rest.secret_tls_contexts import SecretTlsContextViews
from apis.rest.secrets import CertificateViews, KeystoreViews, SharedSecretViews, TruststoreViews
from apis.rest.taking_away import TakingAwayViews
from apis.rest.templates import policy_definition
from apis.rest.terms import OF_API, OF_ENVIRONMENT, TermsViews
from apis.rest.tests import TestRunViews, TestViews
from apis.rest.tiers import TierViews
from apis.rest.tls_contexts import TlsContextViews
from apis.rest.upstreams import UpstreamViews

SETS = f"apimanager/api/v1/{SCOPE}/change-sets"
POLICY_SETS = f"apimanager/api/v1/{SCOPE}/policy-sets"
SG = f"secrets-manager/api/v1/{SCOPE}/secretGroups"
IN_SG = f"{SG}/<uuid:group_id>"
TLS = f"apimanager/api/v1/{SCOPE}/tls-contexts"
IMPORTS = f"apimanager/api/v1/{SCOPE}/api-imports"
PROMOTIONS = f"apimanager/api/v1/{SCOPE}/promotions"
ONE_PROMOTIONS = f"{PROMOTIONS}/<uuid:promotions>"
TEMPLATES = "apimanager/api/v1/organizations/<uuid:organization_id>/policy-templates"
EXCHANGE = "apimanager/xapi/v1/organizations/<uuid:organization_id>/exchange-policy-templates"
OF_ORGANIZATION = "organizations/<uuid:organization_id>/applications"
AUTOMATED = "organizations/<uuid:organization_id>/automated-policies"

one = InstanceViews.as_view(
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
)

automated_all = AutomatedViews.as_view({"get": "list", "post": "create", "patch": "reorder"})
automated_one = AutomatedViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})

ONE: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}


def _secrets(folder: str, name: str, views: type[SecretsViewSet], one: str = "secret_id") -> list[URLPattern]:
    """The addresses of one kind of secrets of a group."""
    start = f"{IN_SG}/{folder}"
    return [
        path(start, views.as_view({"get": "list", "post": "create"}), name=f"{name}s"),
        path(f"{start}/<uuid:{one}>", views.as_view(ONE), name=name),
    ]


def _of_applications(start: str, name: str, listed: str) -> list[URLPattern]:
    return [
        path(start, ApplicationViews.as_view({"get": listed, "post": "create"}), name=name),
        path(f"{start}/<int:application_id>", ApplicationViews.as_view(ONE), name=f"{name}_one"),
        path(
            f"{start}/<int:application_id>/secret/reset",
            ApplicationViews.as_view({"post": "reset_secret"}),
            name=f"{name}_secret",
        ),
    ]


urlpatterns = [
    path(AM, InstanceViews.as_view({"get": "list", "post": "create"}), name="rest_apis"),
    path(f"{AM}/<int:api_id>", one, name="rest_api"),
    path(
        f"{AM}/<int:api_id>/tags/<str:tag>",
        TagViews.as_view({"put": "add", "delete": "remove"}),
        name="rest_tag",
    ),
    path(f"{AM}/<int:api_id>/owners", OwnerViews.as_view({"get": "list", "put": "put"}), name="rest_owners"),
    path(f"{AM}/<int:api_id>/pin", PinViews.as_view({"put": "pin", "delete": "unpin"}), name="rest_pin"),
    path(
        f"{AM}/<int:api_id>/autodiscoveryProperties",
        AutodiscoveryViews.as_view({"get": "retrieve"}),
        name="rest_autodiscovery",
    ),
    path(
        f"{AM}/<int:api_id>/upstreams",
        UpstreamViews.as_view({"get": "list", "post": "create"}),
        name="rest_upstreams",
    ),
    path(
        f"{AM}/<int:api_id>/upstreams/<uuid:upstream_id>",
        UpstreamViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_upstream",
    ),
    path(f"{AM}/<int:api_id>/export", ExportViews.as_view({"get": "retrieve"}), name="rest_api_export"),
    path(
        f"apimanager/api/v1/{SCOPE}/api-export", ExportViews.as_view({"get": "list"}), name="rest_apis_export"
    ),
    path(IMPORTS, ImportViews.as_view({"post": "create"}), name="rest_imports"),
    path(f"{IMPORTS}/<uuid:import_id>", ImportViews.as_view({"get": "retrieve"}), name="rest_import"),
    path(
        f"{IMPORTS}/<uuid:import_id>/apis/<int:at>",
        ImportViews.as_view({"post": "take"}),
        name="rest_import_take",
    ),
    path(PROMOTIONS, PromotionsViews.as_view({"post": "create"}), name="rest_promotions"),
    path(ONE_PROMOTIONS, PromotionsViews.as_view({"get": "retrieve"}), name="rest_promotions_one"),
    path(f"{ONE_PROMOTIONS}/start", PromotionsViews.as_view({"post": "start"}), name="rest_promotions_start"),
    path(
        f"{ONE_PROMOTIONS}/apis/<int:api_id>",
        PromotionsViews.as_view({"get": "difference"}),
        name="rest_promotions_api",
    ),
    path(f"{AM}/<int:api_id>/terms", TermsViews.as_view(OF_API), name="rest_api_terms"),
    path(f"{AM}/<int:api_id>/visibility", VisibilityViews.as_view(VISIBILITY), name="rest_visibility"),
    path(f"{AMX}/terms", TermsViews.as_view(OF_ENVIRONMENT), name="rest_terms"),
    path(f"{AM}/<int:api_id>/tiers", TierViews.as_view({"get": "list", "post": "create"}), name="rest_tiers"),
    path(f"{AM}/<int:api_id>/tiers/<int:tier_id>", TierViews.as_view(ONE), name="rest_tier"),
    path(
        f"{AM}/<int:api_id>/contracts",
        ContractViews.as_view({"get": "list", "post": "create"}),
        name="rest_contracts",
    ),
    path(
        f"{AM}/<int:api_id>/contracts/<int:contract_id>",
        ContractViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_contract",
    ),
    *(
        path(
            f"{AMX}/apis/<int:api_id>/contracts/<int:contract_id>/{step}",
            DecisionViews.as_view({"post": step}),
            name=f"rest_contract_{step}",
        )
        for step in ("approve", "reject", "revoke", "restore")
    ),
    *_of_applications(f"apiplatform/repository/v2/{OF_ORGANIZATION}", "rest_applications", "list"),
    *_of_applications(f"exchange/api/v2/{OF_ORGANIZATION}", "rest_exchange_applications", "plain_list"),
    path(
        f"exchange/api/v2/{OF_ORGANIZATION}/<int:application_id>/contracts",
        ApplicationContractViews.as_view({"get": "list", "post": "create"}),
        name="rest_exchange_application_contracts",
    ),
    path(f"{AM}/<int:api_id>/copies", CopyViews.as_view({"post": "create"}), name="rest_copies"),
    path(f"{AMX}/apis", InstanceViews.as_view({"get": "instances", "post": "create"}), name="rest_instances"),
    path(f"{AMX}/apis/<int:api_id>", one, name="rest_instance"),
    path(
        f"{AM}/<int:api_id>/deployments",
        HistoryViews.as_view({"get": "list"}),
        name="rest_deployment_history",
    ),
    path(f"{AM}/<int:api_id>/revisions", RevisionViews.as_view({"get": "list"}), name="rest_revisions"),
    path(
        f"{AM}/<int:api_id>/revisions/compare",
        RevisionViews.as_view({"get": "compare"}),
        name="rest_revisions_compare",
    ),
    path(
        f"{AM}/<int:api_id>/revisions/<slug:revision>",
        RevisionViews.as_view({"get": "retrieve"}),
        name="rest_revision",
    ),
    path(
        f"{AM}/<int:api_id>/revisions/<slug:revision>/rollback",
        RevisionViews.as_view({"post": "roll_back"}),
        name="rest_rollback",
    ),
    path(
        f"{AM}/<int:api_id>/policies",
        PolicyViews.as_view({"get": "list", "post": "create", "patch": "reorder"}),
        name="rest_policies",
    ),
    path(
        f"{AMX}/apis/<int:api_id>/policies/outbound-policies",
        PolicyViews.as_view({"post": "create_outbound"}),
        name="rest_outbound_policies",
    ),
    path(
        f"{AM}/<int:api_id>/policies/<int:policy_id>",
        PolicyViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_policy",
    ),
    path(
        f"{AM}/<int:api_id>/document",
        DocumentViews.as_view({"get": "retrieve", "put": "upload", "patch": "take"}),
        name="rest_document",
    ),
    path(
        f"{AM}/<int:api_id>/document/text", DocumentViews.as_view({"get": "text"}), name="rest_document_text"
    ),
    path(
        f"{AM}/<int:api_id>/document/traffic",
        DocumentViews.as_view({"get": "traffic"}),
        name="rest_document_traffic",
    ),
    path(
        f"{AM}/<int:api_id>/documents/<uuid:document_id>",
        DocumentViews.as_view({"get": "uploaded"}),
        name="rest_uploaded_document",
    ),
    path(
        f"apimanager/api/v1/{SCOPE}/findings",
        FindingViews.as_view({"get": "of_environment"}),
        name="rest_findings_of_environment",
    ),
    path(f"{AM}/<int:api_id>/findings", FindingViews.as_view({"get": "list"}), name="rest_findings"),
    path(
        f"{AM}/<int:api_id>/findings/muted",
        FindingViews.as_view({"post": "mute"}),
        name="rest_findings_muted",
    ),
    path(
        f"{AM}/<int:api_id>/findings/muted/<int:muted_id>",
        FindingViews.as_view({"delete": "unmute"}),
        name="rest_finding_muted",
    ),
    path(f"{AM}/<int:api_id>/rehearsals", RehearsalViews.as_view({"post": "start"}), name="rest_rehearsals"),
    path(
        f"{AM}/<int:api_id>/rehearsals/<str:key>",
        RehearsalViews.as_view({"get": "retrieve"}),
        name="rest_rehearsal",
    ),
    path(
        f"{AM}/<int:api_id>/tests",
        TestViews.as_view({"get": "list", "post": "create"}),
        name="rest_tests",
    ),
    path(
        f"{AM}/<int:api_id>/tests/<int:test_id>",
        TestViews.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="rest_test",
    ),
    path(
        f"{AM}/<int:api_id>/test-run",
        TestRunViews.as_view({"get": "retrieve", "post": "start"}),
        name="rest_test_run",
    ),
    path(
        f"apimanager/api/v1/{SCOPE}/deleted-apis",
        RemovedApiViews.as_view({"get": "list"}),
        name="rest_deleted_apis",
    ),
    path(
        f"apimanager/api/v1/{SCOPE}/deleted-apis/<int:removed_id>/restore",
        RemovedApiViews.as_view({"post": "restore"}),
        name="rest_deleted_api_restore",
    ),
    path(
        f"apimanager/api/v1/{SCOPE}/deleted-automated-policies",
        RemovedAutomatedViews.as_view({"get": "list"}),
        name="rest_deleted_automated_policies",
    ),
    path(
        f"apimanager/api/v1/{SCOPE}/deleted-automated-policies/<int:removed_id>/restore",
        RemovedAutomatedViews.as_view({"post": "restore"}),
        name="rest_deleted_automated_policy_restore",
    ),
    path(
        f"{AM}/<int:api_id>/deleted-policies",
        RemovedPolicyViews.as_view({"get": "list"}),
        name="rest_deleted_policies",
    ),
    path(
        f"{AM}/<int:api_id>/deleted-policies/<int:removed_id>/restore",
        RemovedPolicyViews.as_view({"post": "restore"}),
        name="rest_deleted_policy_restore",
    ),
    path(
        f"{AM}/<int:api_id>/pending",
        PendingViews.as_view({"get": "retrieve", "delete": "destroy"}),
        name="rest_pending",
    ),
    path(
        f"{AM}/<int:api_id>/pending/deployment",
        PendingViews.as_view({"post": "deploy"}),
        name="rest_pending_deployment",
    ),
    path(SETS, ChangeSetViews.as_view({"get": "list", "post": "create"}), name="rest_change_sets"),
    path(f"{SETS}/<uuid:change_set>", ChangeSetViews.as_view({"get": "retrieve"}), name="rest_change_set"),
    path(
        f"{SETS}/<uuid:change_set>/take-back",
        ChangeSetViews.as_view({"post": "take_back"}),
        name="rest_change_set_take_back",
    ),
    path(POLICY_SETS, PolicySetViews.as_view({"get": "list", "post": "create"}), name="rest_policy_sets"),
    path(
        f"{POLICY_SETS}/<int:set_id>",
        PolicySetViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_policy_set",
    ),
    path(
        f"{POLICY_SETS}/<int:set_id>/policies",
        PolicySetViews.as_view({"get": "policies", "post": "add_policy"}),
        name="rest_policy_set_policies",
    ),
    path(
        f"{POLICY_SETS}/<int:set_id>/apis",
        PolicySetViews.as_view({"post": "give"}),
        name="rest_policy_set_apis",
    ),
    path(
        f"{POLICY_SETS}/<int:set_id>/apis/<int:api_id>",
        PolicySetViews.as_view({"delete": "take"}),
        name="rest_policy_set_api",
    ),
    path(SG, SecretGroupViews.as_view({"get": "list", "post": "create"}), name="rest_secret_groups"),
    path(
        IN_SG,
        SecretGroupViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_secret_group",
    ),
    *_secrets("sharedSecrets", "rest_shared_secret", SharedSecretViews),
    *_secrets("certificates", "rest_certificate", CertificateViews),
    *_secrets("truststores", "rest_truststore", TruststoreViews),
    *_secrets("keystores", "rest_keystore", KeystoreViews),
    *_secrets("tlsContexts", "rest_secret_tls_context", SecretTlsContextViews, "context_id"),
    path(TLS, TlsContextViews.as_view({"get": "list", "post": "create"}), name="rest_tls_contexts"),
    path(
        f"{TLS}/<uuid:context_id>",
        TlsContextViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_tls_context",
    ),
    *client_provider_urls.urlpatterns,
    *gateway_urls.urlpatterns,
    *list_urls.urlpatterns,
    path(f"apimanager/api/v1/{SCOPE}/groupInstances", Groups.as_view(), name="rest_groups"),
    path(f"apimanager/api/v1/{AUTOMATED}", automated_all, name="rest_automated_policies"),
    path(f"apimanager/xapi/v1/{AUTOMATED}", AutomatedViews.as_view({"get": "list"}), name="rest_automated_x"),
    path(f"apimanager/api/v1/{AUTOMATED}/<int:policy_id>", automated_one, name="rest_automated_policy"),
    path(
        f"apimanager/api/v1/{AUTOMATED}/<int:policy_id>/apis",
        AutomatedViews.as_view({"get": "apis"}),
        name="rest_automated_policy_apis",
    ),
    path(
        f"apimanager/api/v1/{AUTOMATED}/<int:policy_id>/implementationAssets",
        AutomatedViews.as_view({"get": "implementations"}),
        name="rest_automated_policy_implementations",
    ),
    path(
        f"proxies/xapi/v1/{SCOPE}/apis/<int:api_id>/proxy",
        TakingAwayViews.as_view({"get": "proxy"}),
        name="rest_proxy",
    ),
    path(
        "apiplatform/repository/v2/organizations/<uuid:organization_id>/apis/<int:asset_row>/versions/"
        "<int:api_id>/classify",
        TakingAwayViews.as_view({"post": "classify"}),
        name="rest_classify",
    ),
    path("graph/api/v2/graphql", Graph.as_view(), name="rest_graphql"),
    path(
        "exchange/api/v1/policy-definitions/<str:name>/<str:version>",
        policy_definition,
        name="rest_policy_definition",
    ),
    path(TEMPLATES, TemplateViews.as_view({"get": "list"}), name="rest_templates"),
    path(f"{TEMPLATES}/<str:name>", TemplateViews.as_view({"get": "retrieve"}), name="rest_template"),
    path(EXCHANGE, ExchangeTemplateViews.as_view({"get": "list"}), name="rest_exchange_templates"),
    path(
        f"{EXCHANGE}/<uuid:template_group>/<str:name>/<str:template_version>",
        ExchangeTemplateViews.as_view({"get": "retrieve"}),
        name="rest_exchange_template",
    ),
]
