"""`/api`: records of requests and of processing, usage, a dry run of redaction, exports of a subject's data, what the engine serves
and how it is deployed."""

from __future__ import annotations

from django.urls import path

from inference.gateway.api.models import DeploymentsView, ModelsView
from inference.gateway.api.records_of_processing import RecordsOfProcessingView
from inference.gateway.api.redactions import RedactionPolicyView, RedactionsView
from inference.gateway.api.requests import RequestsView, RequestView
from inference.gateway.api.subject_exports import SubjectExportsView
from inference.gateway.api.usage import UsageView

_BASE = "workspaces/<str:workspace_id>"

urlpatterns = [
    path(f"{_BASE}/requests", RequestsView.as_view(), name="requests"),
    path(f"{_BASE}/requests/<str:request_id>", RequestView.as_view(), name="request"),
    path(f"{_BASE}/usage", UsageView.as_view(), name="usage"),
    path(f"{_BASE}/redaction-policy", RedactionPolicyView.as_view(), name="redaction-policy"),
    path(f"{_BASE}/redactions", RedactionsView.as_view(), name="redactions"),
    path(f"{_BASE}/records-of-processing", RecordsOfProcessingView.as_view(), name="records-of-processing"),
    path(f"{_BASE}/subject-exports", SubjectExportsView.as_view(), name="subject-exports"),
    path("models", ModelsView.as_view(), name="models"),
    path("deployments", DeploymentsView.as_view(), name="deployments"),
]
