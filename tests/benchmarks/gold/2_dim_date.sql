with years as (
  select distinct cast(year(invoice_date) as integer) as year
  from silver_sales
),
days as (
  select (cast(cast(years.year as varchar(4)) || '-01-01' as date) + cast(numbers.n as integer)) as full_date, years.year
  from years
  cross join (select cast(range as integer) as n from range(366)) as numbers
),
calendar as (
  select full_date, year, cast(month(full_date) as integer) as month, cast(isodow(full_date) as integer) as day_of_week
  from days
  where year(full_date) = year
)
select
  cast(year(full_date) * 10000 + month(full_date) * 100 + day(full_date) as integer) as date_key,
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
  {now} as created_at,
  {now} as updated_at
from calendar
union all
select -1, null, -1, null, null, null, null, null, null, 'Unknown', 'Unknown', 'Unknown', null, 'Unknown',
  {now}, {now}
