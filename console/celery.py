"""The Celery application: what the workers and beat run."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

from console import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

garbage.collect_seldom()
app = Celery("gatewright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def _tend_connection(**_: Any) -> None:
    """Before a task as before a request: a connection that broke, or grew old, is replaced."""
    close_old_connections()
