with seconds as (
  select cast(floor(n / 3600) as integer) as hour, cast(floor(n / 60) as integer) % 60 as minute, n % 60 as second
  from (select cast(range as integer) as n from range(86400)) as numbers
)
select
  cast(hour * 10000 + minute * 100 + second as integer) as time_key,
  lpad(cast(hour as varchar(2)), 2, '0') || ':' || lpad(cast(minute as varchar(2)), 2, '0') || ':'
    || lpad(cast(second as varchar(2)), 2, '0') as full_time,
  hour,
  minute,
  second,
  lpad(cast(hour as varchar(2)), 2, '0') || ':00' as hour_name,
  case when hour < 6 then 'Night' when hour < 12 then 'Morning' when hour < 18 then 'Afternoon' else 'Evening' end as time_period,
  hour >= 9 and hour < 17 as is_business_hour,
  case when hour >= 6 and hour < 14 then 'Early' when hour >= 14 and hour < 22 then 'Late' else 'Night' end as shift,
  {now} as created_at,
  {now} as updated_at
from seconds
union all
select -1, 'Unknown', null, null, null, 'Unknown', 'Unknown', null, 'Unknown', {now}, {now}
