"""Addresses of the pages that belong to no area: frame, home, search, administration."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from console.pages import home, own_password, profile, search, session, sessions, styleguide

urlpatterns = [
    path("", home.home, name="home"),
    path("begin", home.begin, name="begin"),
    path("login", session.LoginPage.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("password", own_password.OwnPasswordPage.as_view(), name="own_password"),
    path("scope", session.switch_scope, name="scope"),
    path("theme", session.choose_theme, name="theme"),
    path("search", search.search, name="search"),
    path("profile", profile.ProfilePage.as_view(), name="profile"),
    path("profile/sessions/end-others", sessions.end_others, name="sessions_end"),
    path("profile/sessions/<uuid:number>/end", sessions.end, name="session_end"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("", include("console.pages.notices.urls")),
    path("", include("console.pages.administration.urls")),
]
