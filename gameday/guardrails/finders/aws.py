"""Find what an action of chaosaws would hit: AWS is asked, nothing is changed."""

from __future__ import annotations

import inspect
import os
from typing import Any

from gameday.guardrails.finders import Asked
from gameday.places import Aim, Place
from gameday.scopes import AWS

ROLE_ACCOUNT = 4  # arn:aws:iam::123456789012:role/name


def where(asked: Asked) -> Place:
    """The account and the region. AWS is asked whose credentials these are; errors are those of boto3."""
    session, role = _session(asked), asked.configuration.get("aws_assume_role_arn")
    account = (
        role.split(":")[ROLE_ACCOUNT] if role else session.client("sts").get_caller_identity()["Account"]
    )
    return Place(AWS, str(account), str(session.region_name))


def aim(asked: Asked, where: tuple[Place, ...]) -> Aim:
    """What the arguments name, or what AWS says that the filters choose. Errors are those of boto3."""
    named = named_in(asked.arguments)
    if named or not asked.function.__module__.startswith("chaosaws.ec2"):
        return Aim(where, tuple(named or [asked.function.__name__]))
    found = _instances(_session(asked), asked.arguments)
    takes_one = "instance_id" in inspect.signature(asked.function).parameters
    return Aim(where, tuple(found), found=len(found), hit=min(1, len(found)) if takes_one else len(found))


def _session(asked: Asked) -> Any:
    import boto3

    region = (
        asked.configuration.get("aws_region")
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )
    known = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    keys = {key: asked.secrets[key] for key in known if key in asked.secrets}
    profile = asked.configuration.get("aws_profile_name")
    return boto3.Session(profile_name=profile, region_name=region, **keys)


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
