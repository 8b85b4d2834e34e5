"""API Manager's REST interface: the paths that clients of Anypoint use."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
