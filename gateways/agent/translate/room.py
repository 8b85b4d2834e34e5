"""How much a gateway takes, where its settings say so."""

from gateways.agent.translate import ir


class ResourceQuota:
    """Counts what was taken. Without limits there is always room."""

    def __init__(self, settings: ir.Gateway) -> None:
        self._most_apis = settings.most_apis
        self._most_policies = settings.most_policies
        self._apis = self._policies = 0

    def take(self, api: ir.Api) -> str | None:
        """Takes the API with its policies, or says why there is no room for it."""
        if self._most_apis is None and self._most_policies is None:
            return None
        policies = len(api.policies) + sum(len(one.policies) for one in api.upstreams)
        if self._most_apis is not None and self._apis >= self._most_apis:
            return f"the gateway takes {self._most_apis} APIs at most, says resourceLimits.apiInstances"
        if self._most_policies is not None and self._policies + policies > self._most_policies:
            return f"the gateway takes {self._most_policies} policies at most, says resourceLimits.policies"
        self._apis, self._policies = self._apis + 1, self._policies + policies
        return None
