"""The Celery application: what the workers and beat run."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("gatewright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
