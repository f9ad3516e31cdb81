-- A day changes its own row, the next day's growth, and the 7-day averages of the six days after it.
{% set window_days = 6 %}
{% set following = ['date_key'] %}
{% for n in range(1, window_days + 1) %}
  {% do following.append(podium.date_key(podium.add_days(podium.key_date('date_key'), n))) %}
{% endfor %}
{{ config(
  unique_key=['date_key', 'country_key'], affect_key='date_key', affected_from={'fact_sale': following},
  partition_by={'field': 'sale_date', 'data_type': 'date', 'granularity': 'month'},
  control_totals={
    'daily_revenue': {'this': 'sum(daily_revenue)', 'from': 'fact_sale', 'equals': 'sum(total_amount)'},
    'daily_quantity': {'this': 'sum(daily_quantity)', 'from': 'fact_sale', 'equals': 'sum(quantity)'},
    'transaction_count': {'this': 'sum(transaction_count)', 'from': 'fact_sale', 'equals': 'count(*)'},
  },
) }}

with facts as (
  select * from {{ ref('fact_sale') }}
  {% if podium.incremental() %}
  {% set first, last = podium.affected_bounds() %}
  where date_key between {{ podium.date_key(podium.add_days(podium.key_date(first), -window_days)) }} and {{ last }}
  and date_key in (
    select date_key from {{ podium.affected() }} affected
    {% for n in range(1, window_days + 1) %}
    union select {{ podium.date_key(podium.add_days(podium.key_date('date_key'), -n)) }} from {{ podium.affected() }} affected
    {% endfor %}
  )
  {% endif %}
),

daily as (
  select
    date_key,
    country_key,
    cast(sum(total_amount) as decimal(28,3)) as daily_revenue,
    cast(sum(profit_amount) as decimal(28,3)) as daily_profit,
    cast(sum(quantity) as bigint) as daily_quantity,
    cast(count(*) as bigint) as transaction_count,
    cast(count(distinct invoice_no) as bigint) as order_count,
    cast(count(distinct nullif(customer_key, -1)) as bigint) as unique_customers,
    {{ podium.ratio('sum(total_amount)', 'count(distinct invoice_no)') }} as avg_order_value,
    {{ podium.ratio('sum(total_amount)', 'count(*)') }} as avg_line_value,
    {{ podium.ratio('sum(unit_price)', 'count(*)') }} as avg_unit_price,
    {{ podium.ratio('sum(cast(margin_percentage as decimal(20,4)))', 'count(margin_percentage)') }} as avg_margin_percentage,
    {{ podium.ratio('sum(quality_score)', 'count(*)') }} as avg_quality_score,
    cast(sum(case when quality_tier = 'HIGH' then 1 else 0 end) as bigint) as high_quality_transactions,
    cast(count(distinct product_key) as bigint) as unique_products
  from facts
  group by date_key, country_key
),

-- Calendar days: a day without sales counts as zero, in the averages and for the growth of the day after it.
moving as (
  select
    today.date_key,
    today.country_key,
    cast(coalesce(sum(case when earlier.date_key = {{ podium.date_key(podium.add_days(podium.key_date('today.date_key'), -1)) }}
      then earlier.daily_revenue end), 0) as decimal(28,3)) as yesterday_revenue,
    cast(sum(earlier.daily_revenue) as decimal(30,3)) as week_revenue,
    cast(sum(earlier.transaction_count) as bigint) as week_transactions
  from daily today
  inner join daily earlier
    on earlier.country_key = today.country_key
    and earlier.date_key <= today.date_key
    and earlier.date_key >= {{ podium.date_key(podium.add_days(podium.key_date('today.date_key'), -window_days)) }}
  group by today.date_key, today.country_key
)

select
  daily.date_key,
  daily.country_key,
  d.full_date as sale_date,
  l.country_name,
  {{ 'r' if var('snowflake', false) else 'l' }}.region,
  daily.daily_revenue,
  daily.daily_profit,
  daily.daily_quantity,
  daily.transaction_count,
  daily.order_count,
  daily.unique_customers,
  daily.avg_order_value,
  daily.avg_line_value,
  daily.avg_unit_price,
  daily.avg_margin_percentage,
  daily.avg_quality_score,
  daily.high_quality_transactions,
  daily.unique_products,
  d.day_name,
  d.is_weekend,
  d.is_holiday,
  d.season,
  cast(daily.daily_revenue - moving.yesterday_revenue as decimal(28,3)) as revenue_growth_abs,
  {{ podium.ratio('(daily.daily_revenue - moving.yesterday_revenue) * 100', 'moving.yesterday_revenue') }} as revenue_growth_pct,
  {{ podium.ratio('moving.week_revenue', 7) }} as revenue_7day_avg,
  {{ podium.ratio('moving.week_transactions', 7) }} as transaction_count_7day_avg,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from daily
inner join moving on moving.date_key = daily.date_key and moving.country_key = daily.country_key
left join {{ ref('dim_date') }} d on d.date_key = daily.date_key
left join {{ ref('dim_country') }} l on l.country_key = daily.country_key
{% if var('snowflake', false) %}left join {{ ref('dim_region') }} r on r.region_key = l.region_key
{% endif %}{% if podium.incremental() %}where daily.date_key in {{ podium.affected() }}{% endif %}
