"""The first run of the guide for clusters, as far as it happens outside of one: its lines are run as they are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from podium_contracts.pipeline import PipelineDocument
from podium_lakehouse.store.objects import below, get
from ruamel.yaml import YAML

from tests.s3 import S3Server, environment_of
from tests.test_how_to import EXAMPLE, ROOT, block

pytestmark = pytest.mark.integration
DATA = EXAMPLE / "data" / "online_retail_2009_2010.csv.gz"
FORWARDED = "http://localhost:8080"
"""Where the guide has the store."""


def test_the_lines_of_the_guide_bring_the_example_into_the_store(s3: S3Server, tmp_path: Path) -> None:
    """Its file, where the Pipeline looks for it, and its bundle; what `kubectl apply` gets is the Pipeline that names both."""
    s3.bucket("lake")
    upload, bundle = (block("kubernetes.md", "sh", having) for having in ("S3Store", "podium bundle"))
    forwarding, rest = upload.split("\n", 1)
    assert forwarding.startswith("kubectl port-forward ")
    assert f"AWS_ENDPOINT_URL={FORWARDED} " in rest
    bundled, applied = bundle.split("|")
    assert applied.split()[:2] == ["kubectl", "apply"]
    done = subprocess.run(
        ["sh", "-euc", rest.replace(FORWARDED, s3.endpoint) + bundled],
        cwd=ROOT,
        env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    manifest = YAML(typ="safe").load(done.stdout)
    spec = PipelineDocument.model_validate(manifest, by_alias=True, by_name=False).spec
    (source,) = manifest["spec"]["datasets"]["sales"]["sources"]
    with environment_of(s3):
        (found,) = below(source["files"]["path"].partition("*")[0])
        assert Path(found["path"]).match(source["files"]["path"].removeprefix("s3://lake/"))
        assert get(f"s3://lake/{found['path']}") == DATA.read_bytes()
        assert spec.bundle
        assert get(spec.bundle.uri)
