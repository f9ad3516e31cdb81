{{ config(
  enabled=var('snowflake', false),
  unique_key='region_key', affect_key='region', affected_from={'countries': 'region'},
) }}

select distinct
  {{ podium.hash60("region || '/' || continent") }} as region_key,
  region,
  continent,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ source('lookup', 'countries') }}
{% if podium.incremental() %}where region in {{ podium.affected() }}{% endif %}
{% if not podium.incremental() %}
union all
select -1, 'Unknown', 'Unknown', {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
