from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        import_module("workspaces.schema")  # drf-spectacular learns of extensions by their being imported
