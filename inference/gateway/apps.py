from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "inference.gateway"
    label = "gateway"

    def ready(self) -> None:
        # Models can be imported only now.
        from inference.gateway.cache_class import PromptCaches
        from inference.gateway.engine_memory import EngineMemory
        from inference.gateway.policy_rows import RedactionPolicies
        from inference.gateway.record_classes import RequestRecords, SubjectPseudonyms
        from inference.gateway.subjects import RequestSubjects
        from retention import classes, stores

        subjects = RequestSubjects()
        stores.register(EngineMemory())
        stores.register(RedactionPolicies())
        stores.register(subjects)
        stores.register_index(subjects)
        classes.register(SubjectPseudonyms())
        classes.register(RequestRecords())
        classes.register(PromptCaches())
