{{ config(unique_key='date_key', affect_key='year', affected_from={'sales': "cast(year(invoice_date) as integer)"}) }}

with years as (
  select distinct cast(year(invoice_date) as integer) as year
  from {{ source('silver', 'sales') }}
  {% if podium.incremental() %}where cast(year(invoice_date) as integer) in {{ podium.affected() }}{% endif %}
),

days as (
  select {{ podium.add_days("cast(cast(years.year as varchar(4)) || '-01-01' as date)", 'numbers.n') }} as full_date, years.year
  from years
  cross join {{ podium.numbers(366) }} as numbers
),

calendar as (
  select full_date, year, cast(month(full_date) as integer) as month, {{ podium.iso_weekday('full_date') }} as day_of_week
  from days
  where year(full_date) = year
)

select
  {{ podium.date_key('full_date') }} as date_key,
  full_date,
  year,
  cast(quarter(full_date) as integer) as quarter,
  month,
  cast(day(full_date) as integer) as day_of_month,
  day_of_week,
  cast(dayofyear(full_date) as integer) as day_of_year,
  cast(weekofyear(full_date) as integer) as week_of_year,
  case month when 1 then 'January' when 2 then 'February' when 3 then 'March' when 4 then 'April' when 5 then 'May'
    when 6 then 'June' when 7 then 'July' when 8 then 'August' when 9 then 'September' when 10 then 'October'
    when 11 then 'November' else 'December' end as month_name,
  case day_of_week when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
    when 5 then 'Friday' when 6 then 'Saturday' else 'Sunday' end as day_name,
  'Q' || cast(quarter(full_date) as varchar(1)) as quarter_name,
  day_of_week >= 6 as is_weekend,
  case when month in (12, 1, 2) then 'Winter' when month <= 5 then 'Spring' when month <= 8 then 'Summer'
    else 'Autumn' end as season,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from calendar
{% if not podium.incremental() %}
union all
select -1, null, -1, null, null, null, null, null, null, 'Unknown', 'Unknown', 'Unknown', null, 'Unknown',
  {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
