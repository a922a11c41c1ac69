from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        # Models can be imported only now.
        from audit import delivery_job, export_job

        delivery_job.register_job()
        export_job.register_job()
