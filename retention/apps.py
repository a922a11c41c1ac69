from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        # Models can be imported only now.
        from retention import erasure, payload_stores, stores

        stores.register(payload_stores.DataKeys())
        stores.register(payload_stores.PayloadRows())
        erasure.register_job()
