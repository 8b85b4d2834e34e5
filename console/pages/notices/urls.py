"""Addresses of the inbox, and of what is sent, in Administration."""

from django.urls import path

from console.pages.notices import destinations, inbox, mail, outbox

urlpatterns = [
    path("inbox", inbox.inbox, name="inbox"),
    path("inbox/read", inbox.read_all, name="inbox_read"),
    path("inbox/preferences", inbox.preferences, name="inbox_preferences"),
    path("inbox/<int:pk>", inbox.open_notice, name="notice_open"),
    path("inbox/<int:pk>/read", inbox.read_one, name="notice_read"),
    path("administration/mail", mail.settings, name="mail"),
    path("administration/mail/remove", mail.remove, name="mail_remove"),
    path("administration/mail/test", mail.test, name="mail_test"),
    path("administration/outbox", outbox.outbox, name="outbox"),
    path("administration/outbox/retry", outbox.retry_all, name="outbox_retry"),
    path("administration/outbox/<uuid:pk>", outbox.delivery, name="delivery"),
    path("administration/outbox/<uuid:pk>/retry", outbox.retry, name="delivery_retry"),
    path("administration/outbox/<uuid:pk>/drop", outbox.drop, name="delivery_drop"),
    path("administration/destinations", destinations.destinations, name="destinations"),
    path("administration/destinations/add", destinations.add, name="destinations_add"),
    path("administration/destinations/<int:pk>", destinations.destination, name="destination"),
    path("administration/destinations/<int:pk>/test", destinations.test, name="destination_test"),
    path("administration/destinations/<int:pk>/secret", destinations.secret, name="destination_secret"),
    path("administration/destinations/<int:pk>/delete", destinations.delete, name="destination_delete"),
]
