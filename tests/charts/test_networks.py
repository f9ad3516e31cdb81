"""NetworkPolicies: nothing comes or goes but by an edge that is meant. What enforces them is the cluster's network; this reads them as it would."""

from typing import Any

import pytest

from tests.charts.rendering import DEV, PRODUCTION, RELEASE_NAMESPACE, Manifest, of_kind, pods, rendered

DNS, API, KAFKA, STORE, POSTGRES, SPARK = 53, 6443, 9093, 443, 5432, {7078, 7079}
RUNS = "team"
RUN_PODS = {
    "driver": {"app.kubernetes.io/component": "driver", "podium.dev/stage": "cleanse"},
    "driver of ingest": {"app.kubernetes.io/component": "driver", "podium.dev/stage": "ingest"},
    "driver of publish": {"app.kubernetes.io/component": "driver", "podium.dev/stage": "publish"},
    "executor": {"app.kubernetes.io/component": "executor"},
}
EDGES: dict[str, set[int]] = {
    "podium-operator": {DNS, API},
    "podium-ingest": {DNS, API, KAFKA, STORE, 8443},
    "podium-cleanse": {DNS, API, KAFKA, STORE},
    "podium-quality": {DNS, API, KAFKA, STORE},
    "podium-model": {DNS, API, KAFKA, STORE},
    "podium-publish": {DNS, API, KAFKA, STORE, POSTGRES},
    "podium-test": {DNS, API},
    "driver": {DNS, API, KAFKA, STORE, *SPARK},
    "driver of ingest": {DNS, API, KAFKA, STORE, *SPARK, 8443},
    "driver of publish": {DNS, API, KAFKA, STORE, *SPARK, POSTGRES},
    "executor": {DNS, STORE, *SPARK},
}


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    source = '[{"peers":[{"ipBlock":{"cidr":"10.9.0.1/32"}}],"ports":[8443]}]'
    return rendered(PRODUCTION, f'namespaces=["{RUNS}"]', f"networkPolicy.sources={source}")


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a selector of labels takes these."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    assert all(item["operator"] == "In" for item in selector.get("matchExpressions", ()))
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(item["key"]) in item["values"] for item in selector.get("matchExpressions", ())
    )


def place(manifests: list[Manifest], name: str) -> tuple[str, dict[str, str]]:
    """Return the namespace and the labels of a pod."""
    if name in RUN_PODS:
        managed = {"app.kubernetes.io/name": "podium", "app.kubernetes.io/managed-by": "podium-operator"}
        return RUNS, managed | RUN_PODS[name]
    return RELEASE_NAMESPACE, next(labels for found, labels, _ in pods(manifests) if found == name)


def rules(manifests: list[Manifest], name: str, direction: str) -> list[Manifest]:
    """Return every rule that holds for a pod."""
    namespace, labels = place(manifests, name)
    return [
        rule
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["metadata"]["namespace"] == namespace and selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get(direction, ())
    ]


def ports(found: list[Manifest]) -> set[Any]:
    return {port["port"] for rule in found for port in rule["ports"]}


@pytest.mark.parametrize("name", EDGES)
def test_all_is_denied_to_begin_with(manifests: list[Manifest], name: str) -> None:
    """To each pod of ours, in both directions, in the namespace where it is."""
    namespace, labels = place(manifests, name)
    denied = [
        policy["spec"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["metadata"]["namespace"] == namespace and policy["metadata"]["name"] == "podium-deny"
    ]
    assert [sorted(spec["policyTypes"]) for spec in denied] == [["Egress", "Ingress"]]
    assert selects(denied[0]["podSelector"], labels)
    assert not denied[0].keys() & {"ingress", "egress"}


@pytest.mark.parametrize("name", EDGES)
def test_a_pod_reaches_what_it_needs_and_no_more(manifests: list[Manifest], name: str) -> None:
    """By the ports of each edge."""
    found = rules(manifests, name, "egress")
    assert ports(found) == EDGES[name]
    assert all(rule["ports"] for rule in found), "a rule without ports lets all through"


def test_peers_are_those_of_the_values(manifests: list[Manifest]) -> None:
    """Each edge leads where the values say; where they say nothing, anywhere, at its ports alone."""
    by_port = {
        port["port"]: rule.get("to")
        for rule in rules(manifests, "driver of publish", "egress")
        for port in rule["ports"]
    }
    assert by_port[API] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    assert by_port[KAFKA][0]["podSelector"] == {"matchLabels": {"strimzi.io/cluster": "kafka"}}
    assert by_port[POSTGRES] == [{"ipBlock": {"cidr": "10.20.0.15/32"}}]
    assert by_port[STORE] is None


def test_drivers_and_executors_reach_each_other_in_their_namespace(manifests: list[Manifest]) -> None:
    """And nobody else reaches them."""
    for name in RUN_PODS:
        found = rules(manifests, name, "ingress")
        assert ports(found) == SPARK
        for rule in (*found, *(rule for rule in rules(manifests, name, "egress") if ports([rule]) == SPARK)):
            (peer,) = rule.get("from") or rule["to"]
            assert peer.keys() == {"podSelector"}, "a namespace of its own would be another one"
            assert all(selects(peer["podSelector"], place(manifests, other)[1]) for other in RUN_PODS)
            assert not selects(peer["podSelector"], place(manifests, "podium-ingest")[1])


def test_only_prometheus_comes_in(manifests: list[Manifest]) -> None:
    """To the ports of metrics."""
    for name in ("podium-operator", "podium-ingest"):
        (rule,) = rules(manifests, name, "ingress")
        assert ports([rule]) == {"http", "metrics"}
        assert rule["from"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ]
    assert rules(manifests, "podium-test", "ingress") == []
    assert rules(rendered(DEV), "podium-ingest", "ingress") == []


def test_servers_of_developers_are_reached_by_podium_alone() -> None:
    """From any namespace of runs."""
    manifests = rendered(DEV)
    for name, port in (("podium-dev-kafka", "kafka"), ("podium-dev-s3", "http")):
        (rule,) = rules(manifests, name, "ingress")
        assert ports([rule]) == {port}
        assert rule["from"] == [
            {
                "namespaceSelector": {},
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "podium"}},
            }
        ]
        served = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "podium"}
        to = [item["to"] for item in rules(manifests, "podium-cleanse", "egress") if item.get("to")]
        assert any(selects(peer.get("podSelector", {}), served) for peers in to for peer in peers)


@pytest.mark.parametrize(
    ("setting", "port"),
    [
        ('objectStore.endpoint="https://s3.example.com"', 443),
        ('objectStore.endpoint="https://s3.example.com:9000/"', 9000),
        ("networkPolicy.objectStore.ports=[9443]", 9443),
        ('kafka.bootstrapServers="a:9094,b:9095"', 9095),
        ("networkPolicy.kafka.ports=[9096]", 9096),
    ],
)
def test_ports_are_those_of_the_addresses(setting: str, port: int) -> None:
    """Unless values name others."""
    assert port in ports(rules(rendered(PRODUCTION, setting), "podium-cleanse", "egress"))


def test_policies_can_be_left_out() -> None:
    """All of them."""
    assert of_kind(rendered(DEV, "networkPolicy.enabled=false"), "NetworkPolicy") == []
