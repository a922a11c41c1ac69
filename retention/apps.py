from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        # Models can be imported only now.
        from retention import (
            access_store,
            classes,
            detail_store,
            erasure,
            export_class,
            hold_store,
            payload_class,
            payload_stores,
            schedule_store,
            stores,
        )

        stores.register(access_store.WorkspaceAccess())
        stores.register(detail_store.AuditDetails())
        stores.register(hold_store.HoldReasons())
        stores.register(schedule_store.ExportSchedules())
        stores.register(payload_stores.DataKeys())
        stores.register(payload_stores.PayloadRows())
        classes.register(payload_class.Payloads())
        classes.register(export_class.Exports())
        erasure.register_job()
