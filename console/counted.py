"""A count as a column of another statement."""

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery


class Counted(Subquery):
    """How many rows a queryset finds, no more than it is sliced to; 0 for none."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        if not rows.query.is_sliced:
            rows = rows.order_by()
        super().__init__(rows.values("pk"), output_field=IntegerField())
