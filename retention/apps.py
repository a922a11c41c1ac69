from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        # Models can be imported only now.
        from retention import access_store, classes, erasure, export_class, payload_class, payload_stores, stores

        stores.register(access_store.WorkspaceAccess())
        stores.register(payload_stores.DataKeys())
        stores.register(payload_stores.PayloadRows())
        classes.register(payload_class.Payloads())
        classes.register(export_class.Exports())
        erasure.register_job()
