"""The order of versions and delete markers in a listing, which S3 tells and boto3 forgets.

The answer to ListObjectVersions has `Version` and `DeleteMarker` elements mixed, newest first within a key. boto3 sorts them
into two lists; their times (to the second at AWS) cannot put them together again. So their order is noted before boto3 parses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

_KINDS = {"Version": "Versions", "DeleteMarker": "DeleteMarkers"}


def keep_order(client: Any) -> None:
    """From now on answers of `client` to list_object_versions have what `in_order` needs."""
    client.meta.events.register("before-parse.s3.ListObjectVersions", _note)


def in_order(page: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each version of a page and whether it is a delete marker, in the order in which the server told them."""
    lists = {kind: iter(page.get(name, ())) for kind, name in _KINDS.items()}
    for kind in page.get("Order", ()):
        yield next(lists[kind]), kind == "DeleteMarker"


def _note(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    root = ElementTree.fromstring(response_dict["body"])
    names = (element.tag.rpartition("}")[2] for element in root)
    customized_response_dict["Order"] = [name for name in names if name in _KINDS]
