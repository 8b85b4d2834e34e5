"""How many different conditions the policies of an API may have: what a gateway's listeners have room for."""

IN_A_CHOICE = 6
"""Each more makes the tree of a choice twice as large."""
CHOICES = 8
"""Beside each other, in one group."""
GROUPS = 3
IN_ANY_ORDER = IN_A_CHOICE * CHOICES
"""So many fit wherever policies without conditions stand between."""
TOGETHER = IN_ANY_ORDER * GROUPS
"""More fit nowhere; so many only where nothing without conditions stands between or before."""
