"""Addresses of the pages that belong to no area: frame, home, search, administration."""

from django.urls import include, path

from console.pages import (
    factors,
    forgotten,
    home,
    joining,
    own_password,
    passkeys,
    profile,
    search,
    second_factor,
    session,
    sessions,
    styleguide,
    with_provider,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("begin", home.begin, name="begin"),
    path("login", session.LoginPage.as_view(), name="login"),
    path("login/at/<slug:slug>", session.LoginPage.as_view(), name="login_at"),
    path("login/with/<uuid:provider>", with_provider.begin, name="login_with"),
    path("login/with/<uuid:provider>/back", with_provider.back, name="login_back"),
    path("login/second", second_factor.second, name="login_second"),
    path("login/second/passkey", passkeys.second, name="login_second_passkey"),
    path("login/forgotten", forgotten.forgotten, name="password_forgotten"),
    path("login/reset/<str:uidb64>/<str:token>", forgotten.ResetPage.as_view(), name="password_reset"),
    path("login/passkey", passkeys.alone, name="login_passkey"),
    path("invitations/<str:invitation_token>", joining.join, name="join"),
    path("logout", session.log_out, name="logout"),
    path("logged-out", session.logged_out, name="logged_out"),
    path("password", own_password.OwnPasswordPage.as_view(), name="own_password"),
    path("scope", session.switch_scope, name="scope"),
    path("theme", session.choose_theme, name="theme"),
    path("search", search.search, name="search"),
    path("profile", profile.ProfilePage.as_view(), name="profile"),
    path("profile/providers/<uuid:provider>", with_provider.begin_tying, name="provider_tie"),
    path("profile/identities/<int:identity>/untie", with_provider.untie, name="identity_untie"),
    path("profile/second-factor", factors.factors, name="factors"),
    path("profile/second-factor/confirm", factors.confirm, name="factor_confirm"),
    path("profile/second-factor/app", factors.app, name="factor_app"),
    path("profile/second-factor/app/remove", factors.remove_app, name="factor_app_remove"),
    path("profile/second-factor/codes", factors.renew_codes, name="factor_codes"),
    path("profile/second-factor/passkeys/add", passkeys.add, name="passkey_add"),
    path(
        "profile/second-factor/passkeys/<int:passkey>/remove", factors.remove_passkey, name="passkey_remove"
    ),
    path("profile/sessions/end-others", sessions.end_others, name="sessions_end"),
    path("profile/sessions/<uuid:number>/end", sessions.end, name="session_end"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("", include("console.pages.notices.urls")),
    path("", include("console.pages.administration.urls")),
]
