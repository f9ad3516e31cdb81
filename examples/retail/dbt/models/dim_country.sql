{{ config(unique_key='country_key', affect_key='country_name', affected_from={'countries': 'country_name'}) }}
{% set snowflake = var('snowflake', false) %}

select
  {{ podium.hash60('country_name') }} as country_key,
  max(country_code) as country_code,
  country_name,
  {% if snowflake -%}
  {{ podium.hash60("max(region) || '/' || max(continent)") }} as region_key,
  {%- else -%}
  max(region) as region,
  max(continent) as continent,
  {%- endif %}
  max(currency_code) as currency_code,
  cast(nullif(max(gdp_per_capita), '') as decimal(12,2)) as gdp_per_capita,
  cast(nullif(max(population), '') as bigint) as population,
  cast(nullif(max(tax_rate), '') as decimal(5,2)) as tax_rate,
  true as is_active,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ source('lookup', 'countries') }}
{% if podium.incremental() %}where country_name in {{ podium.affected() }}{% endif %}
group by country_name
{% if not podium.incremental() %}
union all
select -1, 'ZZ', 'Unknown', {% if snowflake %}-1{% else %}'Unknown', 'Unknown'{% endif %}, 'XXX', null, null, null, false,
  {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
