"""Who may do what, as the chart says it; that it is enough, and no more, is shown on a real cluster."""

from tests.charts.rendering import (
    CLUSTER_WIDE,
    DEV,
    NAMESPACES,
    RELEASE_NAMESPACE,
    Manifest,
    of_kind,
    pods,
    rendered,
)


def roles(manifests: list[Manifest], kind: str = "Role") -> set[tuple[str, str]]:
    return {
        (item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in of_kind(manifests, kind)
    }


def test_namespaces_need_no_cluster_role() -> None:
    """Each has the roles of all."""
    manifests = rendered(NAMESPACES)
    assert of_kind(manifests, "ClusterRole", "ClusterRoleBinding") == []
    each = {"podium-operator", "podium-services", "podium-driver"}
    assert roles(manifests) == {(namespace, name) for namespace in ("sales", "finance") for name in each}
    bound = {item["subjects"][0]["namespace"] for item in of_kind(manifests, "RoleBinding")}
    assert bound == {RELEASE_NAMESPACE, "sales", "finance"}


def test_a_cluster_has_roles_with_names_of_the_release() -> None:
    """So that two releases do not share one; drivers have theirs by namespace all the same."""
    manifests = rendered(CLUSTER_WIDE)
    names = {"platform-podium-operator", "platform-podium-services"}
    assert {name for _, name in roles(manifests, "ClusterRole")} == names
    assert roles(manifests) == {("data", "podium-driver")}


def test_no_role_reads_secrets_or_allows_everything() -> None:
    """Nor may anyone but drivers make pods, or anyone change roles."""
    for manifest in of_kind(rendered(CLUSTER_WIDE) + rendered(DEV), "Role", "ClusterRole"):
        for rule in manifest["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert not {"secrets", "roles", "rolebindings", "serviceaccounts"} & set(rule["resources"])
            if "pods" in rule["resources"] and manifest["metadata"]["name"] != "podium-driver":
                assert set(rule["verbs"]) == {"list", "watch"}


def test_a_role_is_bound_to_the_account_that_its_pods_act_as() -> None:
    """Every pod with a token acts as an account that is made."""
    manifests = rendered(DEV)
    accounts = {item["metadata"]["name"] for item in of_kind(manifests, "ServiceAccount")}
    acting = {
        pod["serviceAccountName"] for _, _, pod in pods(manifests) if pod["automountServiceAccountToken"]
    }
    assert acting == {"podium-operator", "podium-services", "podium-test"}
    assert acting | {"podium-driver"} == accounts
    bound = {item["subjects"][0]["name"] for item in of_kind(manifests, "RoleBinding")}
    assert bound == accounts


def test_what_a_test_may_do_goes_with_it() -> None:
    """It reads its own run, and nothing of it outlives the test but the run and the pod, which show what was."""
    manifests = rendered(DEV)
    hooks = [item for item in manifests if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    kept = {
        item["kind"]
        for item in hooks
        if "hook-succeeded" not in item["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    }
    assert kept == {"PipelineRun", "Pod"}
    (role,) = of_kind(hooks, "Role")
    assert role["rules"] == [
        {
            "apiGroups": ["podium.dev"],
            "resources": ["pipelineruns"],
            "resourceNames": ["podium-test"],
            "verbs": ["get"],
        }
    ]
    assert of_kind(rendered(DEV, 'test.lakehouse=""'), "PipelineRun", "Pod") == []
