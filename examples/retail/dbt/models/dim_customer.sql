{{ config(unique_key='customer_key', affect_key='customer_id', affected_from={'sales': 'customer_id'}) }}

-- An order is an invoice that is not a cancellation; spending is net of cancellations and returns.
select
  {{ podium.hash60('customer_id') }} as customer_key,
  customer_id,
  cast(sum(total_amount) as decimal(28,3)) as lifetime_value,
  cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as bigint) as total_orders,
  cast(sum(case when transaction_type = 'sale' then total_amount else 0 end) as decimal(28,3)) as total_spent,
  {{ podium.ratio("sum(case when transaction_type = 'sale' then total_amount end)",
                  "count(distinct case when transaction_type = 'sale' then invoice_no end)") }} as avg_order_value,
  cast(min(invoice_date) as date) as first_purchase_date,
  cast(max(invoice_date) as date) as last_purchase_date,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from {{ source('silver', 'sales') }}
where customer_id is not null
  {% if podium.incremental() %}and customer_id in {{ podium.affected() }}{% endif %}
group by customer_id
{% if not podium.incremental() %}
union all
select -1, 'UNKNOWN', null, null, null, null, null, null, {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
