{{ config(
  unique_key=['product_key', 'date_key'], affect_key='date_key', affected_from={'agg_daily_sales': 'date_key'},
  control_totals={
    'revenue': {'this': 'sum(revenue)', 'from': 'fact_sale', 'equals': 'sum(total_amount)'},
    'quantity_sold': {'this': 'sum(quantity_sold)', 'from': 'fact_sale', 'equals': 'sum(quantity)'},
    'transaction_count': {'this': 'sum(transaction_count)', 'from': 'fact_sale', 'equals': 'count(*)'},
  },
) }}

with products as (
  select
    product_key,
    date_key,
    cast(sum(daily_revenue) as decimal(28,3)) as revenue,
    cast(sum(daily_quantity) as bigint) as quantity_sold,
    cast(sum(transaction_count) as bigint) as transaction_count,
    cast(sum(profit_amount) as decimal(28,3)) as profit_amount
  from {{ ref('agg_daily_sales') }}
  {% if podium.incremental() %}
  {% set first, last = podium.affected_bounds() %}
  where date_key between {{ first }} and {{ last }} and date_key in {{ podium.affected() }}
  {% endif %}
  group by product_key, date_key
)

-- Equal revenues are ranked by quantity, equal quantities by revenue, and what is equal in both by product_key.
select
  product_key,
  date_key,
  revenue,
  quantity_sold,
  transaction_count,
  profit_amount,
  {{ podium.ratio('profit_amount * 100', 'revenue') }} as margin_percentage,
  cast(row_number() over (partition by date_key order by revenue desc, quantity_sold desc, product_key) as integer) as rank_by_revenue,
  cast(row_number() over (partition by date_key order by quantity_sold desc, revenue desc, product_key) as integer) as rank_by_quantity,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from products
