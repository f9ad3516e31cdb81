{# What the engines write differently, one meaning each. #}

{# The first 60 bits of the text's MD5 as a bigint: surrogate keys that any engine and any rebuild make alike. #}
{% macro hash60(expression) %}{{ return(adapter.dispatch('hash60', 'podium')(expression)) }}{% endmacro %}
{% macro duckdb__hash60(expression) %}cast('0x' || substr(md5({{ expression }}), 1, 15) as bigint){% endmacro %}
{% macro spark__hash60(expression) %}cast(conv(substr(md5({{ expression }}), 1, 15), 16, 10) as bigint){% endmacro %}

{# One row per number from 0 to count - 1, in a column `n`. #}
{% macro numbers(count) %}{{ return(adapter.dispatch('numbers', 'podium')(count)) }}{% endmacro %}
{% macro duckdb__numbers(count) %}(select cast(range as integer) as n from range({{ count }})){% endmacro %}
{% macro spark__numbers(count) %}(select cast(id as integer) as n from range({{ count }})){% endmacro %}

{# A date plus whole days. #}
{% macro add_days(date, days) %}{{ return(adapter.dispatch('add_days', 'podium')(date, days)) }}{% endmacro %}
{% macro duckdb__add_days(date, days) %}({{ date }} + cast({{ days }} as integer)){% endmacro %}
{% macro spark__add_days(date, days) %}date_add({{ date }}, cast({{ days }} as int)){% endmacro %}

{# Monday is 1, Sunday is 7. #}
{% macro iso_weekday(date) %}{{ return(adapter.dispatch('iso_weekday', 'podium')(date)) }}{% endmacro %}
{% macro duckdb__iso_weekday(date) %}cast(isodow({{ date }}) as integer){% endmacro %}
{% macro spark__iso_weekday(date) %}(weekday({{ date }}) + 1){% endmacro %}

{# 20091201; null for null. #}
{% macro date_key(date) %}cast(year({{ date }}) * 10000 + month({{ date }}) * 100 + day({{ date }}) as integer){% endmacro %}

{# 20091201 for any day of December 2009, or so many months later; -1, which is no day, is in no month but -1. #}
{% macro month_key(date_key, months=0) -%}
  {%- if not months -%}
  case when {{ date_key }} = -1 then -1 else {{ date_key }} - {{ date_key }} % 100 + 1 end
  {%- else -%}
  {%- set month = '(' ~ podium.div(date_key, 10000) ~ ' * 12 + ' ~ podium.div(date_key, 100) ~ ' % 100 - 1 + (' ~ months ~ '))' -%}
  case when {{ date_key }} <> -1 then cast({{ podium.div(month, 12) }} * 10000 + {{ month }} % 12 * 100 + 101 as integer) end
  {%- endif -%}
{%- endmacro %}

{# 74500 for 07:45:00. #}
{% macro time_key(moment) %}cast(hour({{ moment }}) * 10000 + minute({{ moment }}) * 100 + second({{ moment }}) as integer){% endmacro %}

{#
  A quotient of exact numbers as a double, null where the divisor is 0. Halves are rounded up, by steps that IEEE 754 defines: the
  engines' own round() of a double differs.
#}
{% macro ratio(numerator, denominator, digits=4) -%}
  {%- set places = '1e' ~ digits -%}
  cast(floor(cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0) * {{ places }} + 0.5) as double) / {{ places }}
{%- endmacro %}

{# The time of the run, the only time that a model writes. #}
{% macro run_time() %}(select max(run_time) from {{ podium.relation('podium_context', '') }}){% endmacro %}

{# The day as of which ages are counted: the day of the run, or the dbt variable `as_of`. #}
{% macro as_of() -%}
  {%- if var('as_of', none) -%}cast('{{ var('as_of') }}' as date){%- else -%}cast({{ podium.run_time() }} as date){%- endif -%}
{%- endmacro %}

{# A quotient of whole numbers that are not negative, without its remainder. #}
{% macro div(dividend, divisor) %}{{ return(adapter.dispatch('div', 'podium')(dividend, divisor)) }}{% endmacro %}
{% macro duckdb__div(dividend, divisor) %}(({{ dividend }}) // ({{ divisor }})){% endmacro %}
{% macro spark__div(dividend, divisor) %}(({{ dividend }}) div ({{ divisor }})){% endmacro %}

{# Whether a text has a part that a regular expression matches; keep to what Java and RE2 read alike. #}
{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches', 'podium')(text, pattern)) }}{% endmacro %}
{% macro duckdb__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(text, pattern) %}({{ text }} rlike '{{ pattern }}'){% endmacro %}

{# The date of a date_key. #}
{% macro key_date(key) %}{{ return(adapter.dispatch('key_date', 'podium')(key)) }}{% endmacro %}
{% macro duckdb__key_date(key) %}make_date({{ key }} // 10000, ({{ key }} // 100) % 100, {{ key }} % 100){% endmacro %}
{% macro spark__key_date(key) %}make_date({{ key }} div 10000, ({{ key }} div 100) % 100, {{ key }} % 100){% endmacro %}
