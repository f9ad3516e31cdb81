-- An order is an invoice that is not a cancellation; spending is net of cancellations and returns.
select
  cast('0x' || substr(md5(customer_id), 1, 15) as bigint) as customer_key,
  customer_id,
  cast(sum(total_amount) as decimal(28,3)) as lifetime_value,
  cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as bigint) as total_orders,
  cast(sum(case when transaction_type = 'sale' then total_amount else 0 end) as decimal(28,3)) as total_spent,
  round(cast(sum(case when transaction_type = 'sale' then total_amount end) as double) / nullif(cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as double), 0), 4) as avg_order_value,
  cast(min(invoice_date) as date) as first_purchase_date,
  cast(max(invoice_date) as date) as last_purchase_date,
  {now} as created_at,
  {now} as updated_at
from silver_sales
where customer_id is not null
group by customer_id
union all
select -1, 'UNKNOWN', null, null, null, null, null, null, {now}, {now}
