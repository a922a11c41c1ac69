from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        import_module("workspaces.schema")  # drf-spectacular learns of extensions by their being imported
        # Models can be imported only now.
        from audit import following
        from workspaces.selectors import workspaces_open

        following.register_job(workspaces_open)
