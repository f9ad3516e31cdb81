{#
  Tests look at the rows that this run stages: what is certified was tested when it was staged.
  The dbt variable `enable_data_tests: false` switches all of them off.
#}
{% macro staged(model) %}{{ return(model.incorporate(path={'identifier': 'stage__' ~ model.identifier})) }}{% endmacro %}

{# Every row keeps the condition. #}
{% test holds(model, condition) %}
{{ config(enabled=var('enable_data_tests', true)) }}
select * from {{ podium.staged(model) }} where not ({{ condition }})
{% endtest %}

{# The column has a value. #}
{% test not_null(model, column_name) %}
{{ config(enabled=var('enable_data_tests', true)) }}
select * from {{ podium.staged(model) }} where {{ column_name }} is null
{% endtest %}

{# The column's values lie between the bounds that are given, in the rows that `applies_to` chooses. #}
{% test accepted_range(model, column_name, min_value=none, max_value=none, applies_to='true') %}
{{ config(enabled=var('enable_data_tests', true)) }}
{%- set outside = [] -%}
{%- if min_value is not none %}{% do outside.append(column_name ~ ' < ' ~ min_value) %}{% endif -%}
{%- if max_value is not none %}{% do outside.append(column_name ~ ' > ' ~ max_value) %}{% endif %}
select * from {{ podium.staged(model) }} where ({{ applies_to }}) and ({{ outside | join(' or ') }})
{% endtest %}

{# Each of the column's values is one of the other model's. #}
{% test relationships(model, column_name, to, field) %}
{{ config(enabled=var('enable_data_tests', true)) }}
select s.{{ column_name }}
from {{ podium.staged(model) }} s
left join {{ to }} t on t.{{ field }} = s.{{ column_name }}
where s.{{ column_name }} is not null and t.{{ field }} is null
{% endtest %}
