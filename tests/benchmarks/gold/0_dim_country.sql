select
  cast('0x' || substr(md5(country_name), 1, 15) as bigint) as country_key,
  max(country_code) as country_code,
  country_name,
  max(region) as region,
  max(continent) as continent,
  max(currency_code) as currency_code,
  true as is_active,
  {now} as created_at,
  {now} as updated_at
from countries
group by country_name
union all
select -1, 'ZZ', 'Unknown', 'Unknown', 'Unknown', 'XXX', false, {now}, {now}
