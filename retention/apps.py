from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        # Models can be imported only now.
        from retention import access_store, erasure, payload_stores, stores

        stores.register(access_store.WorkspaceAccess())
        stores.register(payload_stores.DataKeys())
        stores.register(payload_stores.PayloadRows())
        erasure.register_job()
