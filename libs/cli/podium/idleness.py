"""Why a run did nothing: where each dataset was looked for news, and which run had the last."""

from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Source
from podium_lakehouse.records.intents import Scope

from podium.opening import Opened


def idle(opened: Opened) -> dict[str, str]:
    """Return why a run that has looked everywhere did nothing, by dataset."""
    return {name: _why(opened, name) for name in opened.pipeline.spec.datasets}


def _why(opened: Opened, name: str) -> str:
    scope = Scope(pipeline=opened.pipeline.name, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{name}")
    last = opened.lakehouse.completions.last(scope)
    looked = ", ".join(map(_looked, opened.pipeline.spec.datasets[name].sources))
    since = (
        f"since run {last.run.id} of {last.time:%Y-%m-%d %H:%M:%S}" if last else "yet: there never were any"
    )
    return f"{looked} {since}{_resting(opened, name)}"


def _resting(opened: Opened, name: str) -> str:
    """Return what is said of the batches that came after the version of Silver which was put back; nothing where it was not."""
    scope = Scope(pipeline=opened.pipeline.name, stage=Stage.CLEANSE, subject=f"{Layer.SILVER}.{name}")
    done = opened.lakehouse.completions.last_sequence(scope)
    last = opened.lakehouse.intents.read(scope, done) if done else None
    if last is None or last.restores is None:
        return ""
    batches = last.answered_batch(Layer.BRONZE) - last.inputs[Layer.BRONZE].to_batch
    if not batches:
        return ""
    return f"; Silver was put back, and the {batches} batch(es) after it rest in Bronze until there is more, or the pipeline file changes"


def _looked(source: Source) -> str:
    if source.files:
        return f"no new files in {source.files.path}"
    assert source.kafka
    return f"no new messages in {source.kafka.wanted}"
