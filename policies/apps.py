from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "policies"

    def ready(self) -> None:
        from console import finder, menu
        from policies import catalog, search

        menu.add(
            menu.MenuEntry(
                "Policies", "policies", icon="shield-check", place=30, count=lambda: len(catalog.policies())
            )
        )
        finder.add(search.policies, place=40)
