"""Cookies, which servers ask their clients to send from then on: who asks for many callers sends none."""

from http.cookiejar import CookieJar, DefaultCookiePolicy


def no_cookies() -> CookieJar:
    """For a client of httpx, which otherwise keeps what each answer sets."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
