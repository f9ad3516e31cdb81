"""A first dbt project: one model for each dataset, which sums up its rows by day, or by what else they have in common."""

from collections.abc import Mapping, Sequence

from podium.beginning.drafting import keys_of
from podium.beginning.profile import Profile, Seen

MOST_AMOUNTS = 5
GAP = "(none)"
"""What rows without a category are counted under."""


def project(name: str, profiles: Sequence[Profile]) -> Mapping[str, str]:
    """Return the files of a dbt project by their paths."""
    models = {_name(profile): _model(profile) for profile in profiles}
    return {
        "dbt_project.yml": _project(name.replace("-", "_")),
        "models/schema.yml": _schema(profiles),
        **{f"models/{model}.sql": text for model, text in models.items()},
    }


def _name(profile: Profile) -> str:
    if profile.moment:
        return f"{profile.group.name}_by_day"
    return (
        f"{profile.group.name}_by_{profile.category.name}"[:63]
        if profile.category
        else f"{profile.group.name}_list"
    )


def _key(profile: Profile) -> str:
    if profile.moment:
        return "day"
    return profile.category.name if profile.category else keys_of(profile)[0]


def _model(profile: Profile) -> str:
    if moment := profile.moment:
        always = moment.name in (*profile.order, *profile.keys)
        return _summary(
            profile, f"cast({moment.name} as date)", "" if always else f"{moment.name} is not null"
        )
    if category := profile.category:
        return _summary(profile, f"coalesce({category.name}, '{GAP}')", "")
    return _list(profile)


def _summary(profile: Profile, by: str, only: str) -> str:
    """Return a model with a row for each group of those rows that meet a condition."""
    dataset, key = profile.group.name, _key(profile)
    amounts = "".join(
        _amount(column) for column in [item for item in profile.amounts if item.adds_up][:MOST_AMOUNTS]
    )
    start = f"where {only}\n" if only else ""
    joined = "and" if only else "where"
    left_out = f"-- Rows count where {only}; the others are of no day.\n" if only else ""
    return f"""-- Podium computes only the {"days" if key == "day" else "groups"} that a run has changed: `affected_from` says which, from the rows that changed.
{left_out}{{{{ config(
  unique_key='{key}', affect_key='{key}', affected_from={{'{dataset}': "{by}"}},
) }}}}

select
  {by} as {key},
  cast(count(*) as bigint) as row_count,{amounts}
  {{{{ podium.ratio('sum(quality_score)', 'count(*)') }}}} as avg_quality_score,
  {{{{ podium.run_time() }}}} as updated_at
from {{{{ source('silver', '{dataset}') }}}}
{start}{{% if podium.incremental() %}}{joined} {by} in {{{{ podium.affected() }}}}{{% endif %}}
group by {by}
"""


def _amount(column: Seen) -> str:
    digits = f"decimal(38,{column.type.scale})"
    return f"\n  cast(sum({column.name}) as {digits}) as total_{column.name},"


def _list(profile: Profile) -> str:
    dataset, keys = profile.group.name, keys_of(profile)
    unique = ", ".join(f"'{key}'" for key in keys)
    columns = dict.fromkeys([*keys, *(column.name for column in profile.columns)])
    listed = "".join(f"\n  {name}," for name in columns)
    return f"""-- Podium computes only the rows that a run has changed: `affected_from` says which.
{{{{ config(unique_key=[{unique}], affect_key='{keys[0]}', affected_from={{'{dataset}': '{keys[0]}'}}) }}}}

select{listed}
  quality_score,
  {{{{ podium.run_time() }}}} as updated_at
from {{{{ source('silver', '{dataset}') }}}}
{{% if podium.incremental() %}}where {keys[0]} in {{{{ podium.affected() }}}}{{% endif %}}
"""


def _project(name: str) -> str:
    return f"""name: {name}
version: "1.0.0"
config-version: 2
profile: podium
model-paths: [models]
models:
  {name}:
    +materialized: podium_delta
flags:
  send_anonymous_usage_stats: false
"""


def _schema(profiles: Sequence[Profile]) -> str:
    tables = ", ".join(f"{{name: {profile.group.name}}}" for profile in profiles)
    models = "".join(_described(profile) for profile in profiles)
    return f"""version: 2

sources:
  - name: silver
    schema: "{{{{ target.schema }}}}"
    tables: [{tables}]

models:{models}
"""


def _described(profile: Profile) -> str:
    key = _key(profile)
    tests = (
        "[unique, not_null]"
        if profile.moment or profile.category or len(keys_of(profile)) == 1
        else "[not_null]"
    )
    what = "day with a row" if profile.moment else key.replace("_", " ") if profile.category else "row"
    return f"""
  - name: {_name(profile)}
    description: One row per {what} of {profile.group.name}.
    columns:
      - name: {key}
        data_tests: {tests}"""
