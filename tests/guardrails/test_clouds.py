"""What is found in AWS and Kubernetes: AWS is a moto server that boto3 talks to over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from gameday.experiment.load import load
from gameday.guardrails.check import check
from gameday.guardrails.finders.kubernetes import context_of
from tests.aws import ACCOUNT, use

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "kind-a",
    "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("kind-a", "live")],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "u", "user": {}}],
}


@pytest.fixture
def account(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder and the environment of somebody who works with AWS."""
    monkeypatch.chdir(tmp_path)
    use(aws, monkeypatch)
    return tmp_path


def found(here: Path, guardrails: dict[str, Any], module: str, func: str, **arguments: Any) -> Any:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    step = {"type": "action", "name": "break it", "provider": provider}
    document = {"title": "t", "description": "d", "method": [step], "guardrails": guardrails}
    (here / "x.yaml").write_text(yaml.safe_dump(document))
    return check(load(here / "x.yaml"), always_look=True)


def test_the_instances_that_filters_choose_are_counted(account: Path) -> None:
    ec2 = boto3.client("ec2", region_name="eu-west-1")
    ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=4,
        MaxCount=4,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "orders"}]}],
    )
    filters = [{"Name": "tag:app", "Values": ["orders"]}]
    rules = {
        "targets": {"aws": [{"account": ACCOUNT, "regions": ["eu-west-1"]}]},
        "blast-radius": {"share": "25%"},
    }
    one = found(account, rules, "chaosaws.ec2.actions", "stop_instance", filters=filters)
    assert one.problems == [] and (one.touches[0].hit, one.touches[0].found) == (1, 4)
    every = found(account, rules, "chaosaws.ec2.actions", "stop_instances", filters=filters)
    assert ["hits 4 of 4 targets" in problem.message for problem in every.problems] == [True]
    states = {i["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    assert states == {"running"}, "looking stopped nothing"


def test_another_account_or_region_is_forbidden(account: Path) -> None:
    for scope in ({"account": "9" * 12, "regions": ["*"]}, {"account": ACCOUNT, "regions": ["us-*"]}):
        rules = {"targets": {"aws": [scope]}}
        (problem,) = found(
            account, rules, "chaosaws.ec2.actions", "stop_instances", instance_ids=["i-1"]
        ).problems
        assert f"touches aws {ACCOUNT}/eu-west-1, which is not among" in problem.message


def test_an_aws_that_does_not_answer_is_no_permission(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    rules = {"targets": {"aws": [{"account": ACCOUNT, "regions": ["*"]}]}}
    (problem,) = found(
        account, rules, "chaosaws.ec2.actions", "stop_instances", instance_ids=["i-1"]
    ).problems
    assert "are not known: EndpointConnectionError" in problem.message


@pytest.mark.parametrize(
    ("context", "namespace", "allowed"),
    [
        (None, "orders", True),
        ("live", "orders", False),
        (None, "payments", False),
    ],
)
def test_the_context_and_the_namespace_of_a_kubernetes_action_are_checked(
    context: str | None, namespace: str, allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("KUBERNETES_CONTEXT", raising=False)
    if context:
        monkeypatch.setenv("KUBERNETES_CONTEXT", context)
    rules = {"targets": {"kubernetes": [{"context": "kind-*", "namespaces": ["orders*"]}]}}
    problems = found(
        tmp_path, rules, "chaosk8s.deployment.actions", "scale_deployment", name="o", replicas=1, ns=namespace
    ).problems
    assert (problems == []) is allowed, problems


def test_a_cluster_that_does_not_answer_is_no_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    rules = {"blast-radius": {"count": 5}}
    problems = found(
        tmp_path, rules, "chaosk8s.pod.actions", "terminate_pods", label_selector="app=orders", ns="orders"
    ).problems
    assert "are not known" in problems[0].message and "neither is the blast radius" in problems[0].message


def test_a_cluster_that_is_named_by_its_address_is_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.delenv("CHAOSTOOLKIT_IN_POD", raising=False)
    assert context_of({"KUBERNETES_HOST": "https://prod.example"}) == "https://prod.example"
    assert context_of({}) == "in-cluster"
    monkeypatch.setenv("CHAOSTOOLKIT_IN_POD", "true")
    assert context_of({"KUBERNETES_HOST": "https://prod.example"}) == "in-cluster"
