from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "policies"

    def ready(self) -> None:
        from console import finder, menu
        from policies import catalog, search, transport

        def count() -> int:
            return len(catalog.policies()) + len(transport.ALL)

        menu.add(menu.MenuEntry("Policies", "policies", icon="shield-check", place=30, count=count))
        finder.add(search.policies, place=40)
