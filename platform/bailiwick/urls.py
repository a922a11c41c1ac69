"""Where every page and management endpoint is. `/v1` is not here: `bailiwick.asgi` hands it to the gateway."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("api/", include("workspaces.api")),
    path("api/", include("audit.api")),
    path("api/", include("audit.cosigning.api")),
    path("api/", include("audit.delivery_api")),
    path("api/", include("audit.export_api")),
    path("api/", include("audit.organization_schedule_api")),
    path("api/", include("retention.api")),
    path("api/", include("inference.gateway.api")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("", include("console.urls")),
]
