"""A workspace and who may do what in it."""

from __future__ import annotations

import time

from bailiwick.tour.visit import Tour, require

RETENTION_DAYS = 14


def create_workspace(tour: Tour) -> None:
    regions = tour.admin.call("GET", "/api/regions").body["results"]
    here = next(region for region in regions if region["here"])
    require(here["id"] == tour.cell["region"], "the cell is in another region than it says")
    tour.say.fact(
        f"this cell is {here['id']}, legal area {here['legal_area']}; it may fail over to {here['dr_peer']} only"
    )
    made = tour.admin.call(
        "POST", "/api/workspaces", {"name": "Claims desk", "environment": "production", "region": here["id"]}
    ).body
    tour.workspace = made["id"]
    tour.say.fact(f"workspace {made['id']} ({made['environment']}) in {made['region']}")
    elsewhere = next(region for region in regions if region["legal_area"] != here["legal_area"])
    refused = tour.admin.try_("POST", "/api/workspaces", {"name": "Elsewhere", "region": elsewhere["id"]})
    require(refused.status >= 400, f"a workspace for {elsewhere['id']} was made in {here['id']}")
    tour.say.fact(f"one for {elsewhere['id']} is refused here: {refused.status}, {refused.said}")


def lock_region(tour: Tour) -> None:
    current = tour.admin.call("GET", tour.path)
    locked = tour.admin.call("PATCH", tour.path, {"region_locked": True}, If_Match=current.headers["etag"]).body
    require(locked["region_locked"] is True, "the lock did not hold")
    tour.say.fact(f"locked: only {locked['region']} serves it, until somebody unlocks it on the record")
    stale = tour.admin.try_("PATCH", tour.path, {"region_locked": False}, If_Match=current.headers["etag"])
    require(stale.status == 412, "a change by somebody who had not seen the lock went through")
    tour.say.fact(f"a change made without having seen the lock is refused: {stale.status}")
    foreign = tour.admin.try_("GET", f"/api/workspaces/ws_usva1_{'0' * 32}")
    require(foreign.status == 421, "a request for another region was not sent back")
    tour.say.fact(f"a request for another region's workspace: {foreign.status}, {foreign.said}")


def set_retention(tour: Tour) -> None:
    path = f"{tour.path}/retention-policy"
    current = tour.admin.call("GET", path)
    require(current.body["store_payloads"] is False, "payloads are stored although nobody asked for it")
    tour.say.fact("payloads are not stored unless somebody decides so")
    decision = {"store_payloads": True, "payload_days": RETENTION_DAYS}
    decided = tour.admin.call("PUT", path, decision, If_Match=current.headers["etag"])
    tour.say.fact(f"now stored, sealed, for {decided.body['payload_days']} days")
    beyond = tour.admin.try_("PUT", path, decision | {"payload_days": 400}, If_Match=decided.headers["etag"])
    require(beyond.status == 400, "400 days without a reason were accepted")
    tour.say.fact(f"400 days without a reason: {beyond.status}, {beyond.said}")


def keys_and_roles(tour: Tour) -> None:
    issued = tour.admin.call(
        "POST",
        f"{tour.path}/keys",
        {"name": "Claims bot", "scopes": ["inference:chat", "inference:embeddings"], "expires_in_days": 30},
    ).body
    tour.key = issued["token"]
    tour.say.fact(f"key {issued['prefix']}-… may {' and '.join(issued['scopes'])}, until {issued['expires_at'][:10]}")
    denied = tour.application.try_("GET", f"{tour.path}/keys")
    require(denied.status == 403, f"listing keys with an inference key was answered {denied.status}")
    tour.say.fact(f"listing the workspace's keys with it: {denied.status}, {denied.said}")
    other = tour.application.try_("GET", f"/api/workspaces/{tour.cell['workspace']}")
    absent = tour.application.try_("GET", f"/api/workspaces/ws_{tour.workspace.split('_')[1]}_{'0' * 32}")
    require(other.status == absent.status == 404 and other.content == absent.content, "another workspace shows itself")
    tour.say.fact("another workspace and one that does not exist: the same 404")
    person = {"email": f"dpo-{tour.workspace[-8:]}@demo.example", "name": "Data protection officer"}
    officer = tour.admin.call("POST", "/api/members", person)
    role = tour.admin.call("PUT", f"{tour.path}/members/{officer.body['id']}", {"role": "dpo"}).body
    tour.say.fact(f"member {role['member']['id']} is {role['role']} here and nothing anywhere else")
    rotated = tour.admin.call("POST", f"{tour.path}/keys/{issued['id']}/rotate", {"overlap_seconds": 0}).body
    began = time.monotonic()
    while tour.application.try_("GET", "/v1/models").status != 401:
        require(time.monotonic() - began < 2, "a key still works 2 s after it was replaced")
        time.sleep(0.01)
    tour.say.fact(
        f"replaced by {rotated['prefix']}-…; the old one was dead after {(time.monotonic() - began) * 1000:.0f} ms"
    )
    tour.key = rotated["token"]
