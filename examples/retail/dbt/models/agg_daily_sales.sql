{{ config(
  unique_key=['date_key', 'country_key', 'product_key'], affect_key='date_key', affected_from={'fact_sale': 'date_key'},
  control_totals={
    'daily_revenue': {'this': 'sum(daily_revenue)', 'from': 'fact_sale', 'equals': 'sum(total_amount)'},
    'daily_quantity': {'this': 'sum(daily_quantity)', 'from': 'fact_sale', 'equals': 'sum(quantity)'},
    'transaction_count': {'this': 'sum(transaction_count)', 'from': 'fact_sale', 'equals': 'count(*)'},
  },
) }}

-- A product's cost is known of all of its lines or of none, so that its margin is that of the sums.
select
  date_key,
  country_key,
  product_key,
  cast(sum(total_amount) as decimal(28,3)) as daily_revenue,
  cast(sum(quantity) as bigint) as daily_quantity,
  cast(count(*) as bigint) as transaction_count,
  cast(count(distinct invoice_no) as bigint) as order_count,
  {{ podium.ratio('sum(total_amount)', 'count(distinct invoice_no)') }} as avg_order_value,
  cast(count(distinct nullif(customer_key, -1)) as bigint) as unique_customers,
  cast(sum(profit_amount) as decimal(28,3)) as profit_amount,
  {{ podium.ratio('sum(profit_amount) * 100', 'sum(total_amount)') }} as margin_percentage,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ ref('fact_sale') }}
{% if podium.incremental() %}
{% set first, last = podium.affected_bounds() %}
where date_key between {{ first }} and {{ last }} and date_key in {{ podium.affected() }}
{% endif %}
group by date_key, country_key, product_key
