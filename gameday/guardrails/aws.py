"""Find what an action of chaosaws would hit: AWS is asked, nothing is changed."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from gameday.guardrails.touch import AWS
from gameday.places import Place

ROLE_ACCOUNT = 4  # arn:aws:iam::123456789012:role/name


def find(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    configuration: dict[str, Any],
    secrets: dict[str, Any],
    may_be_asked: Callable[[Place], bool] = lambda place: True,
) -> dict[str, Any]:
    """Places, targets, hit and found, as a `Touch` has them. Errors are those of boto3.

    may_be_asked: whether the account's region may be; AWS itself always is, for whose credentials these are.
    """
    import boto3

    region = (
        configuration.get("aws_region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )
    keys = {
        key: secrets[key]
        for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        if key in secrets
    }
    session = boto3.Session(profile_name=configuration.get("aws_profile_name"), region_name=region, **keys)
    role = configuration.get("aws_assume_role_arn")
    account = (
        role.split(":")[ROLE_ACCOUNT] if role else session.client("sts").get_caller_identity()["Account"]
    )
    place = Place(AWS, str(account), str(session.region_name))
    if not may_be_asked(place):
        return {"places": (place,), "unknown": "it is not asked where nothing may be touched"}
    named = named_in(arguments)
    if named or not function.__module__.startswith("chaosaws.ec2"):
        return {"places": (place,), "targets": tuple(named or [function.__name__]), "hit": len(named) or 1}
    found = _instances(session, arguments)
    takes_one = "instance_id" in inspect.signature(function).parameters
    hit = 1 if takes_one else len(found)
    return {"places": (place,), "targets": tuple(found), "hit": min(hit, len(found)), "found": len(found)}


def named_in(arguments: dict[str, Any]) -> list[str]:
    """What the arguments name: every `…_id`, `…_ids`, `…_name` and `…_arn`."""
    found: list[str] = []
    for key, value in arguments.items():
        if key.rpartition("_")[2] in ("id", "ids", "name", "names", "arn", "arns"):
            found += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return found


def _instances(session: Any, arguments: dict[str, Any]) -> list[str]:
    """The instances that the filters and the zone choose, those that run or can be started."""
    filters = list(arguments.get("filters") or [])
    if zone := arguments.get("az"):
        filters.append({"Name": "availability-zone", "Values": [zone]})
    pages = session.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
    reservations = [reservation for page in pages for reservation in page["Reservations"]]
    return [instance["InstanceId"] for reservation in reservations for instance in reservation["Instances"]]
