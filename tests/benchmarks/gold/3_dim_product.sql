with sold as (
  select stock_code, description, invoice_date, unit_price, transaction_type
  from silver_sales
),
-- The name a product went by last; between names of the same moment the last in alphabetical order.
last_named as (
  select stock_code, max(invoice_date) as named_at
  from sold
  where description <> 'UNKNOWN'
  group by stock_code
),
named as (
  select sold.stock_code, max(sold.description) as description
  from sold
  inner join last_named on last_named.stock_code = sold.stock_code and last_named.named_at = sold.invoice_date
  where sold.description <> 'UNKNOWN'
  group by sold.stock_code
)
select
  cast('0x' || substr(md5(sold.stock_code), 1, 15) as bigint) as product_key,
  sold.stock_code,
  coalesce(max(named.description), 'UNKNOWN') as description,
  cast(null as decimal(12,3)) as unit_cost,
  max(case when sold.transaction_type = 'sale' then sold.unit_price end) as recommended_price,
  cast(min(sold.invoice_date) as date) as launch_date,
  cast(max(sold.invoice_date) as date) as last_sold_date,
  {now} as created_at,
  {now} as updated_at
from sold
left join named on named.stock_code = sold.stock_code
group by sold.stock_code
union all
select -1, 'UNKNOWN', 'Unknown', null, null, null, null, {now}, {now}
