{{ config(unique_key='country_key', affect_key='country_name', affected_from={'countries': 'country_name'}) }}

select
  {{ podium.hash60('country_name') }} as country_key,
  max(country_code) as country_code,
  country_name,
  max(region) as region,
  max(continent) as continent,
  max(currency_code) as currency_code,
  true as is_active,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ source('lookup', 'countries') }}
{% if podium.incremental() %}where country_name in {{ podium.affected() }}{% endif %}
group by country_name
{% if not podium.incremental() %}
union all
select -1, 'ZZ', 'Unknown', 'Unknown', 'Unknown', 'XXX', false, {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
