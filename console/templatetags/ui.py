"""Template tags and filters that every page shares."""

from django import template

register = template.Library()
