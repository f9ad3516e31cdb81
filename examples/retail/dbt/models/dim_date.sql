{% set fiscal_from = var('fiscal_year_from_month', 4) %}
{{ config(unique_key='date_key', affect_key='year', affected_from={'sales': "cast(year(invoice_date) as integer)"}) }}

with years as (
  select distinct cast(year(invoice_date) as integer) as year
  from {{ source('silver', 'sales') }}
  {% if podium.incremental() %}
  {% set first, last = podium.affected_bounds() %}
  where invoice_date >= cast(lpad(cast({{ first }} as varchar(4)), 4, '0') || '-01-01' as date)
  and cast(year(invoice_date) as integer) in {{ podium.affected() }}
  {% endif %}
),

days as (
  select {{ podium.add_days("cast(lpad(cast(years.year as varchar(4)), 4, '0') || '-01-01' as date)", 'numbers.n') }} as full_date, years.year
  from years
  cross join {{ podium.numbers(366) }} as numbers
),

calendar as (
  select
    full_date,
    year,
    cast(month(full_date) as integer) as month,
    cast(day(full_date) as integer) as day,
    {{ podium.iso_weekday('full_date') }} as day_of_week
  from days
  where year(full_date) = year
),

-- Easter Sunday as month * 31 + day, by the algorithm of Meeus, Jones and Butcher.
moon as (
  select
    year,
    {{ podium.div('year', 100) }} as century,
    year % 100 as year_of_century,
    year % 19 as golden,
    (19 * (year % 19) + {{ podium.div('year', 100) }} - {{ podium.div('year', 400) }}
      - {{ podium.div(podium.div('year', 100) ~ ' - ' ~ podium.div(podium.div('year', 100) ~ ' + 8', 25) ~ ' + 1', 3) }} + 15) % 30 as epact
  from years
),

weekdays as (
  select
    year,
    golden,
    epact,
    (32 + 2 * (century % 4) + 2 * {{ podium.div('year_of_century', 4) }} - epact - year_of_century % 4) % 7 as offset_days
  from moon
),

easter as (
  select year, epact + offset_days - 7 * {{ podium.div('golden + 11 * epact + 22 * offset_days', 451) }} + 114 as position
  from weekdays
),

sundays as (
  select year, {{ podium.key_date('(year * 10000 + ' ~ podium.div('position', 31) ~ ' * 100 + position % 31 + 1)') }} as easter_sunday
  from easter
),

-- Bank holidays in England by the Banking and Financial Dealings Act 1971 and royal proclamations, of which single days are named.
-- A holiday on a weekend moves to the next weekday that is none.
named as (
  select
    calendar.*,
    case
      when year < 1978 then null
      when date_key in (19810729, 20110429) then 'Royal wedding'
      when date_key = 19991231 then 'Millennium'
      when date_key = 20020603 then 'Golden Jubilee'
      when date_key = 20120605 then 'Diamond Jubilee'
      when date_key = 20220603 then 'Platinum Jubilee'
      when date_key = 20220919 then 'State funeral of Elizabeth II'
      when date_key = 20230508 then 'Coronation of Charles III'
      when month = 1 and (day = 1 and day_of_week <= 5 or day in (2, 3) and day_of_week = 1) then 'New Year''s Day'
      when full_date = {{ podium.add_days('easter_sunday', -2) }} then 'Good Friday'
      when full_date = {{ podium.add_days('easter_sunday', 1) }} then 'Easter Monday'
      when date_key in (19950508, 20200508)
        or month = 5 and day <= 7 and day_of_week = 1 and year not in (1995, 2020) then 'Early May bank holiday'
      when date_key in (20020604, 20120604, 20220602)
        or month = 5 and day >= 25 and day_of_week = 1 and year not in (2002, 2012, 2022) then 'Spring bank holiday'
      when month = 8 and day >= 25 and day_of_week = 1 then 'Summer bank holiday'
      when month = 12 and (day = 25 and day_of_week <= 5 or day = 27 and day_of_week in (1, 2)) then 'Christmas Day'
      when month = 12 and (day = 26 and day_of_week <= 5 or day = 28 and day_of_week in (1, 2)) then 'Boxing Day'
    end as holiday_name
  from (select *, {{ podium.date_key('full_date') }} as date_key from calendar) calendar
  inner join (select year as easter_year, easter_sunday from sundays) sundays on sundays.easter_year = calendar.year
)

select
  date_key,
  full_date,
  year,
  cast(quarter(full_date) as integer) as quarter,
  month,
  day as day_of_month,
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
  case when year >= 1978 then holiday_name is not null end as is_holiday,
  holiday_name,
  case when month in (12, 1, 2) then 'Winter' when month <= 5 then 'Spring' when month <= 8 then 'Summer'
    else 'Autumn' end as season,
  cast(case when month >= {{ fiscal_from }} then year else year - 1 end as varchar(4))
    {% if fiscal_from > 1 %}|| '/' || lpad(cast((case when month >= {{ fiscal_from }} then year + 1 else year end) % 100 as varchar(2)), 2, '0')
    {% endif %} as fiscal_year,
  'Q' || cast(1 + {{ podium.div('(month + 12 - ' ~ fiscal_from ~ ') % 12', 3) }} as varchar(1)) as fiscal_quarter,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from named
{% if not podium.incremental() %}
union all
select -1, null, -1, null, null, null, null, null, null, 'Unknown', 'Unknown', 'Unknown', null, null, 'Unknown', 'Unknown', 'Unknown',
  'Unknown', {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
