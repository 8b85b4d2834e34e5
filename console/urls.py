"""Every address of the console."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from console.pages import session
from console.pages.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="profile")),
    path("admin/login/", session.admin_login),
    path("admin/", admin.site.urls),
    path("", include("console.pages.urls")),
    path("", include("gateways.urls")),
    path("", include("apis.urls")),
    path("", include("policies.urls")),
    path("", include("analytics.urls")),
    path("", include("console.rest.urls")),
]

handler404 = "console.middleware.refused.not_found"
handler400 = "console.middleware.refused.bad_request"
handler500 = "console.middleware.away.server_error"
