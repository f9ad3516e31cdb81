"""What Prometheus and KEDA are told: names that exist, in fields that exist."""

import re
from typing import Any

import podium_operator.operator
import podium_runtime.telemetry
import pytest
from podium_contracts.events import TOPIC
from podium_contracts.names import Stage
from prometheus_client import REGISTRY

from tests.charts.rendering import DEV, NAMESPACES, PRODUCTION, Manifest, named, of_kind, pods, rendered

MEASURED = (podium_operator.operator.LOOKS, podium_runtime.telemetry.EVENTS)
"""Metrics are there once their modules are."""
FIELDS: dict[str, Any] = {
    "PodMonitor": {"selector", "podMetricsEndpoints"},
    "PrometheusRule": {"groups"},
    "ScaledObject": {
        "scaleTargetRef",
        "minReplicaCount",
        "maxReplicaCount",
        "pollingInterval",
        "advanced",
        "triggers",
    },
    "TriggerAuthentication": {"secretTargetRef", "configMapTargetRef"},
}
"""Those of the published definitions of monitoring.coreos.com/v1 and keda.sh/v1alpha1 that the chart uses."""


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return rendered(PRODUCTION)


def test_only_known_fields_are_set(manifests: list[Manifest]) -> None:
    """Of resources whose definitions the cluster may not have."""
    for kind, known in FIELDS.items():
        assert of_kind(manifests, kind)
        assert all(item["spec"].keys() <= known for item in of_kind(manifests, kind))


def test_none_of_it_is_there_by_default() -> None:
    """The definitions of these may not be, either."""
    assert of_kind(rendered(DEV) + rendered(NAMESPACES), *FIELDS) == []


def test_alerts_are_about_metrics_that_exist(manifests: list[Manifest]) -> None:
    """By the names under which they are scraped, and by their labels."""
    scraped = {sample.name: sample.labels for metric in REGISTRY.collect() for sample in metric.samples}
    declared = {
        name
        for metric in REGISTRY.collect()
        for name in (metric.name, f"{metric.name}_total")
        if metric.type == "counter" or name == metric.name
    }
    (group,) = of_kind(manifests, "PrometheusRule")[0]["spec"]["groups"]
    for rule in group["rules"]:
        assert {"summary", "description"} <= rule["annotations"].keys()
        asked = set(re.findall(r"\bpodium_\w+", rule["expr"]))
        assert asked <= declared | scraped.keys(), rule["alert"]
        assert asked or rule["alert"] == "PodiumDown"


def test_alerts_group_by_labels_that_metrics_have(manifests: list[Manifest]) -> None:
    """A label that is not there would make one series of all."""
    labels = {
        name: set(getattr(metric, "_labelnames", ()))
        for metric, names in REGISTRY._collector_to_names.items()
        for name in names
    }
    (group,) = of_kind(manifests, "PrometheusRule")[0]["spec"]["groups"]
    for by, expression in re.findall(
        r"sum by \(([^)]*)\) \((.*?)\) >", " ".join(rule["expr"] for rule in group["rules"])
    ):
        (metric, *_) = re.findall(r"\bpodium_\w+", expression)
        assert {item.strip() for item in by.split(",")} <= labels[metric], metric


def test_monitors_find_the_pods_and_their_ports(manifests: list[Manifest]) -> None:
    """The operator's metrics have a port of their own."""
    for name, found in (("podium-services", len(Stage)), ("podium-operator", 1)):
        spec = named(manifests, "PodMonitor", name)["spec"]
        (wanted,) = spec["selector"]["matchExpressions"]
        chosen = [
            pod
            for _, labels, pod in pods(manifests)
            if spec["selector"]["matchLabels"].items() <= labels.items()
            and labels["app.kubernetes.io/component"] in wanted["values"]
        ]
        assert len(chosen) == found
        (endpoint,) = spec["podMetricsEndpoints"]
        for pod in chosen:
            assert endpoint["port"] in {port["name"] for port in pod["containers"][0]["ports"]}


def test_replicas_follow_the_lag_of_each_group(manifests: list[Manifest]) -> None:
    """Of the topic of events; then the chart sets no replicas, or every upgrade would undo what the lag asked for."""
    scaled = of_kind(manifests, "ScaledObject")
    assert {item["metadata"]["name"] for item in scaled} == {f"podium-{stage}" for stage in Stage}
    for item in scaled:
        target = item["spec"]["scaleTargetRef"]
        workload = named(manifests, target["kind"], target["name"])
        assert "replicas" not in workload["spec"]
        (trigger,) = item["spec"]["triggers"]
        asked = trigger["metadata"]
        stage = workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        assert (asked["topic"], asked["consumerGroup"]) == (TOPIC, f"podium.{stage}")
        assert (asked["sasl"], asked["tls"]) == ("scram_sha512", "enable")
        assert all(isinstance(value, str) for value in asked.values())
    (login,) = of_kind(manifests, "TriggerAuthentication")
    assert {item["parameter"]: item["name"] for item in login["spec"]["secretTargetRef"]} == {
        "password": "podium-kafka",
        "ca": "kafka-cluster-ca-cert",
    }
    (user,) = login["spec"]["configMapTargetRef"]
    assert named(manifests, "ConfigMap", user["name"])["data"][user["key"]] == "podium"
