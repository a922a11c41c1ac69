from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "inference.gateway"
    label = "gateway"

    def ready(self) -> None:
        # Models can be imported only now.
        from inference.gateway.engine_memory import EngineMemory
        from inference.gateway.policy_rows import RedactionPolicies
        from inference.gateway.subjects import RequestSubjects
        from retention import stores

        subjects = RequestSubjects()
        stores.register(EngineMemory())
        stores.register(RedactionPolicies())
        stores.register(subjects)
        stores.register_index(subjects)
