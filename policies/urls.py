"""The catalog's addresses."""

from django.urls import path

from policies import views

urlpatterns = [
    path("policies", views.index, name="policies"),
    path("policies/<slug:name>", views.detail, name="policy"),
]
