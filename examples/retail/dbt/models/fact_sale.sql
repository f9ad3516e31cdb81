{% set laid_out = var('fact_layout', false) %}
{{ config(
  unique_key='sale_id', affect_key='sale_id', affected_from={'sales': 'sale_id'},
  control_totals={
    'rows': {'this': 'count(*)', 'from': 'sales', 'equals': 'count(*)'},
    'quantity': {'this': 'sum(quantity)', 'from': 'sales', 'equals': 'sum(quantity)'},
    'revenue': {'this': 'sum(total_amount)', 'from': 'sales', 'equals': 'sum(total_amount)'},
  },
  partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'day'} if laid_out else none,
  cluster_by=['country_key', 'product_key'] if laid_out else [],
  zorder_by=['customer_key', 'date_key'] if laid_out else [],
) }}

select
  s.sale_id,
  coalesce(c.customer_key, -1) as customer_key,
  coalesce(p.product_key, -1) as product_key,
  coalesce(l.country_key, -1) as country_key,
  coalesce({{ podium.date_key('s.invoice_date') }}, -1) as date_key,
  coalesce({{ podium.time_key('s.invoice_date') }}, -1) as time_key,
  s.invoice_no,
  s.transaction_type,
  s.quantity,
  s.unit_price,
  s.total_amount,
  cast(null as decimal(28,3)) as discount_amount,
  cast(null as decimal(28,3)) as tax_amount,
  case when p.unit_cost > 0 then cast(cast(s.unit_price - p.unit_cost as decimal(13,3)) * s.quantity as decimal(28,3)) end as profit_amount,
  case when p.unit_cost > 0 then {{ podium.ratio('(s.unit_price - p.unit_cost) * 100', 's.unit_price') }} end as margin_percentage,
  s.quality_score,
  s.quality_tier,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ source('silver', 'sales') }} s
left join {{ ref('dim_customer') }} c on c.customer_id = s.customer_id
left join {{ ref('dim_product') }} p on p.stock_code = s.stock_code
left join {{ ref('dim_country') }} l on l.country_name = s.country
{% if podium.incremental() %}where s.sale_id in {{ podium.affected() }}{% endif %}
