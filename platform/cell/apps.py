from django.apps import AppConfig

from cell.telemetry import configure_logging


class CellConfig(AppConfig):
    name = "cell"

    def ready(self) -> None:
        # Django skips LOGGING_CONFIG when LOGGING is empty, and its own handlers would print what requests hold.
        configure_logging()
