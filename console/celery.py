"""The Celery application: what the workers and beat run."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from console import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

garbage.collect_seldom()
app = Celery("gatewright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _check_keys(**_: Any) -> None:
    from gateways.agents import console_key  # its models are there by now

    try:
        console_key.check_keys(settings.HOME)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")


@task_prerun.connect
def _tend_connection(**_: Any) -> None:
    """Before a task as before a request: a connection that broke, or grew old, is replaced."""
    close_old_connections()
