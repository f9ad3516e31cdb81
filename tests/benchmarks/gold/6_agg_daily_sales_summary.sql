-- A day changes its own row, the next day's growth, and the 7-day averages of the six days after it.
with facts as (
  select * from fact_sale
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
    round(cast(sum(total_amount) as double) / nullif(cast(count(distinct invoice_no) as double), 0), 4) as avg_order_value,
    round(cast(sum(unit_price) as double) / nullif(cast(count(*) as double), 0), 4) as avg_unit_price,
    round(cast(sum(quality_score) as double) / nullif(cast(count(*) as double), 0), 4) as avg_quality_score,
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
    cast(coalesce(sum(case when earlier.date_key = cast(year((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-1 as integer))) * 10000 + month((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-1 as integer))) * 100 + day((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-1 as integer))) as integer)
      then earlier.daily_revenue end), 0) as decimal(28,3)) as yesterday_revenue,
    cast(sum(earlier.daily_revenue) as decimal(30,3)) as week_revenue,
    cast(sum(earlier.transaction_count) as bigint) as week_transactions
  from daily today
  inner join daily earlier
    on earlier.country_key = today.country_key
    and earlier.date_key <= today.date_key
    and earlier.date_key >= cast(year((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-6 as integer))) * 10000 + month((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-6 as integer))) * 100 + day((make_date(today.date_key // 10000, (today.date_key // 100) % 100, today.date_key % 100) + cast(-6 as integer))) as integer)
  group by today.date_key, today.country_key
)
select
  daily.date_key,
  daily.country_key,
  d.full_date as sale_date,
  l.country_name,
  l.region,
  daily.daily_revenue,
  daily.daily_profit,
  daily.daily_quantity,
  daily.transaction_count,
  daily.order_count,
  daily.unique_customers,
  daily.avg_order_value,
  daily.avg_unit_price,
  daily.avg_quality_score,
  daily.high_quality_transactions,
  daily.unique_products,
  d.day_name,
  d.is_weekend,
  d.season,
  cast(daily.daily_revenue - moving.yesterday_revenue as decimal(28,3)) as revenue_growth_abs,
  round(cast((daily.daily_revenue - moving.yesterday_revenue) * 100 as double) / nullif(cast(moving.yesterday_revenue as double), 0), 4) as revenue_growth_pct,
  round(cast(moving.week_revenue as double) / nullif(cast(7 as double), 0), 4) as revenue_7day_avg,
  round(cast(moving.week_transactions as double) / nullif(cast(7 as double), 0), 4) as transaction_count_7day_avg,
  {now} as created_at,
  {now} as updated_at
from daily
inner join moving on moving.date_key = daily.date_key and moving.country_key = daily.country_key
left join dim_date d on d.date_key = daily.date_key
left join dim_country l on l.country_key = daily.country_key
