select
  s.sale_id,
  coalesce(c.customer_key, -1) as customer_key,
  coalesce(p.product_key, -1) as product_key,
  coalesce(l.country_key, -1) as country_key,
  coalesce(cast(year(s.invoice_date) * 10000 + month(s.invoice_date) * 100 + day(s.invoice_date) as integer), -1) as date_key,
  coalesce(cast(hour(s.invoice_date) * 10000 + minute(s.invoice_date) * 100 + second(s.invoice_date) as integer), -1) as time_key,
  s.invoice_no,
  s.transaction_type,
  s.quantity,
  s.unit_price,
  s.total_amount,
  cast(null as decimal(28,3)) as discount_amount,
  cast(null as decimal(28,3)) as tax_amount,
  case when p.unit_cost > 0 then cast(cast(s.unit_price - p.unit_cost as decimal(13,3)) * s.quantity as decimal(28,3)) end as profit_amount,
  case when p.unit_cost > 0 then round(cast((s.unit_price - p.unit_cost) * 100 as double) / nullif(cast(s.unit_price as double), 0), 4) end as margin_percentage,
  s.quality_score,
  s.quality_tier,
  {now} as created_at,
  {now} as updated_at
from silver_sales s
left join dim_customer c on c.customer_id = s.customer_id
left join dim_product p on p.stock_code = s.stock_code
left join dim_country l on l.country_name = s.country
