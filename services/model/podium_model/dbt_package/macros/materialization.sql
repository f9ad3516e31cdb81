{#
  A model's SQL returns the replacement rows of the *affected keys*. Nothing here writes Delta: the rows are staged, what is
  downstream sees "certified minus affected, plus staged", and the host commits after every model and test has passed.

  The host offers, beside the sources:
    podium_context     one row per model: run_time, incremental, folder (where its rows are staged), partition_column (of its
                       table, as SQL; empty if it has none)
    changed__<table>   old and new images of the rows that changed, for every source and model
    cert__<model>      the certified rows of a model that runs incrementally

  and finds, of a model that runs incrementally, was__<model>: the certified rows of its affected keys.
#}

{% materialization podium_delta, default, supported_languages=['sql'] %}
  {%- set stage = podium.relation('stage') -%}
  {%- set keys = podium.relation('keys') -%}
  {%- set cert = podium.relation('cert') -%}
  {%- set was = podium.relation('was') -%}
  {%- set changed = podium.relation('changed') -%}
  {%- set target = this.incorporate(type='view') -%}
  {%- set key = config.require('affect_key') -%}
  {{ run_hooks(pre_hooks) }}
  {% do podium.stage(stage, podium.laid_out(sql), podium.context('folder')) %}
  {% if podium.incremental() %}
    {% call statement('was') -%}
      create table {{ was }} as select c.* from {{ cert }} c where {{ podium.is_affected('c') }}
    {%- endcall %}
    {% call statement('changed') -%}
      create or replace view {{ changed }} as
      select * from {{ stage }} union all
      select * from {{ was }}
    {%- endcall %}
    {% call statement('view') -%}
      create or replace view {{ target }} as
      select * from {{ stage }} union all
      select c.* from {{ cert }} c where not exists (select 1 from {{ keys }} k where k.{{ key }} = c.{{ key }})
    {%- endcall %}
  {% else %}
    {% call statement('changed') %}create or replace view {{ changed }} as select * from {{ stage }}{% endcall %}
    {% call statement('view') %}create or replace view {{ target }} as select * from {{ stage }}{% endcall %}
  {% endif %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# The model's rows with the partition column that its table has, in the order that it declares. #}
{% macro laid_out(sql) %}
  {%- set partition = podium.context('partition_column') -%}
  {%- set cluster_by = config.get('cluster_by', []) -%}
  {%- set columns = [cluster_by] if cluster_by is string else cluster_by -%}
  {%- if partition or columns -%}
    {{ return('select made.*' ~ (', ' ~ partition if partition else '') ~ ' from (' ~ sql ~ ') made'
        ~ (' order by ' ~ columns | join(', ') if columns else '')) }}
  {%- endif -%}
  {{ return(sql) }}
{% endmacro %}

{# Whether this model computes only affected keys; false while dbt parses. #}
{% macro incremental() %}
  {% if not execute %}{{ return(false) }}{% endif %}
  {{ return(podium.context('incremental')) }}
{% endmacro %}

{# For a model's text: `where <affect_key> in {{ podium.affected() }}`. #}
{% macro affected() %}
  {% if execute %}{% do podium.stage_keys() %}{% endif %}
  {{ return('(select ' ~ config.require('affect_key') ~ ' from ' ~ podium.relation('keys') ~ ')') }}
{% endmacro %}

{# Old and new images of the rows of a source or model that changed, for a model that runs incrementally. #}
{% macro changed(table) %}{{ return(podium.relation('changed', table)) }}{% endmacro %}

{# The model's own certified rows, for a model that runs incrementally. #}
{% macro certified() %}{{ return(podium.relation('cert')) }}{% endmacro %}

{# The first and the last affected key, where keys are numbers: with them a model lets the engine leave out files and row groups. #}
{% macro affected_bounds() %}
  {%- set ends = podium.affected_ends() -%}
  {%- if ends[0] is none -%}{{ return(['cast(null as integer)', 'cast(null as integer)']) }}{%- endif -%}
  {%- if ends[0] is not number -%}
    {{ exceptions.raise_compiler_error('affected_bounds() is for an affect_key that is a number') }}
  {%- endif -%}
  {{ return([ends[0] | string, ends[1] | string]) }}
{% endmacro %}

{% macro affected_ends() %}
  {%- set key = config.require('affect_key') -%}
  {% do podium.stage_keys() %}
  {{ return(run_query('select min(' ~ key ~ '), max(' ~ key ~ ') from ' ~ podium.relation('keys')).rows[0]) }}
{% endmacro %}

{# Whether a row of the alias has an affected key. #}
{% macro is_affected(alias) %}
  {%- set key = alias ~ '.' ~ config.require('affect_key') -%}
  {%- set ends = podium.affected_ends() -%}
  {%- set near = key ~ ' between ' ~ ends[0] ~ ' and ' ~ ends[1] ~ ' and ' if ends[0] is number else '' -%}
  {{ return(near ~ 'exists (select 1 from ' ~ podium.relation('keys') ~ ' k where k.' ~ config.require('affect_key') ~ ' = ' ~ key ~ ')') }}
{% endmacro %}

{% macro stage_keys() %}
  {%- set key = config.require('affect_key') -%}
  {%- set changed = podium.affected_sql() or ('select ' ~ key ~ ' from ' ~ podium.relation('cert') ~ ' where false') -%}
  {% do run_query('create table if not exists ' ~ podium.relation('keys') ~ ' as select distinct ' ~ key ~ ' from (' ~ changed ~ ') q where ' ~ key ~ ' is not null') %}
{% endmacro %}

{#
  `affected_from` maps a source or model to the expression, or expressions, of the affected keys over its changed rows; null is no key.
  `this` stands for the model's own certified rows: those that change without news of their own, as a day passes or others change.
#}
{% macro affected_sql() %}
  {%- set key = config.require('affect_key') -%}
  {%- set selects = [] -%}
  {%- for table, expressions in config.require('affected_from').items() -%}
    {%- for expression in ([expressions] if expressions is string else expressions) -%}
      {%- do selects.append('select ' ~ expression ~ ' as ' ~ key ~ ' from ' ~ (podium.relation('cert') if table == 'this' else podium.relation('changed', table))) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(selects | join(' union ')) }}
{% endmacro %}

{% macro context(column) %}
  {{ return(run_query("select " ~ column ~ " from " ~ podium.relation('podium_context', '') ~
      " where model = '" ~ this.identifier ~ "'").rows[0][0]) }}
{% endmacro %}

{% macro relation(kind, name=none) %}
  {%- set table = this.identifier if name is none else name -%}
  {{ return(this.incorporate(path={'identifier': kind ~ ('__' ~ table if table else '')}, type='table')) }}
{% endmacro %}

{# Keep rows where the host will find them for its commit, and offer them as a relation. #}
{% macro stage(relation, sql, folder) %}{{ return(adapter.dispatch('stage', 'podium')(relation, sql, folder)) }}{% endmacro %}

{# A model's statement may fail, and DuckDB must not be copying to files then: see docs/decisions/0007. #}
{% macro duckdb__stage(relation, sql, folder) %}
  {% call statement('main') %}create table {{ relation }} as {{ sql }}{% endcall %}
  {% for keys in podium.key_ranges(relation) %}
    {% call statement('files') -%}
      copy (from {{ relation }} where {{ keys }}) to '{{ folder }}' (format parquet, compression zstd, compression_level 3,
        row_group_size 122880, file_size_bytes '64MB', filename_pattern 'part-{{ loop.index0 }}-{i}', overwrite_or_ignore true)
    {%- endcall %}
  {% endfor %}
{% endmacro %}

{#
  Conditions that divide the rows by ranges of their affected keys, where these are numbers that stand for many rows each: as each
  range is written to files of its own, news of a day leave the files of other days as they are. One condition for few rows.
#}
{% macro key_ranges(relation) %}
  {%- set key = config.require('affect_key') -%}
  {%- set parts = (run_query('select count(*) from ' ~ relation).rows[0][0] | int) // config.get('file_rows', 1000000) -%}
  {%- if parts < 2 or config.get('cluster_by') or config.get('unique_key') in (key, [key]) -%}{{ return(['true']) }}{%- endif -%}
  {%- set ends = [] -%}
  {%- for part in range(1, parts) -%}{%- do ends.append('quantile_disc(k, ' ~ part / parts ~ ')') -%}{%- endfor -%}
  {%- set sampled = '(select ' ~ key ~ ' as k from ' ~ relation ~ ' using sample reservoir(20000 rows) repeatable (1))' -%}
  {%- set found = run_query('select ' ~ ends | join(', ') ~ ' from ' ~ sampled).rows[0] | unique | list -%}
  {%- if found[0] is not number -%}{{ return(['true']) }}{%- endif -%}
  {%- set ranges = [key ~ ' <= ' ~ found[0]] -%}
  {%- for before, last in zip(found, found[1:]) -%}{%- do ranges.append(key ~ ' > ' ~ before ~ ' and ' ~ key ~ ' <= ' ~ last) -%}{%- endfor -%}
  {{ return(ranges + ['not coalesce(' ~ key ~ ' <= ' ~ found[-1] ~ ', false)']) }}
{% endmacro %}

{% macro spark__stage(relation, sql, folder) %}
  {% call statement('main') %}create table {{ relation }} using parquet location '{{ folder }}' as {{ sql }}{% endcall %}
{% endmacro %}
