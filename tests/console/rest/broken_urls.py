"""The console's addresses and one with a bug in it."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from console import urls


@login_not_required
def broken(request: HttpRequest) -> HttpResponse:
    raise KeyError("a bug")


urlpatterns = [path("apimanager/broken", broken), *urls.urlpatterns]
handler500 = urls.handler500
