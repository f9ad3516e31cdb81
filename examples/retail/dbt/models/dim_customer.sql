-- A score tells where a customer stands among all, so that news of one may move the others: all are scored anew, from stored totals.
{{ config(unique_key='customer_key', affect_key='customer_id', affected_from={'sales': 'customer_id', 'this': 'customer_id'}) }}

-- A purchase is a line of a sale, an order an invoice with one.
with changed as (
  select
    customer_id,
    cast(sum(total_amount) as decimal(28,3)) as lifetime_value,
    cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as bigint) as total_orders,
    cast(sum(case when transaction_type = 'sale' then total_amount else 0 end) as decimal(28,3)) as total_spent,
    cast(min(case when transaction_type = 'sale' then invoice_date end) as date) as first_purchase_date,
    cast(max(case when transaction_type = 'sale' then invoice_date end) as date) as last_purchase_date
  from {{ source('silver', 'sales') }}
  where customer_id is not null
    {% if podium.incremental() %}and customer_id in (select customer_id from {{ podium.changed('sales') }}){% endif %}
  group by customer_id
),

totals as (
  select * from changed
  {% if podium.incremental() %}
  union all
  select customer_id, lifetime_value, total_orders, total_spent, first_purchase_date, last_purchase_date
  from {{ podium.certified() }} certified
  where customer_key <> -1
    and not exists (select 1 from {{ podium.changed('sales') }} news where news.customer_id = certified.customer_id)
  {% endif %}
),

-- Quintiles: 1 for the fifth of the buyers with the least, 5 for that with the most; equal values have equal scores.
scores as (
  select
    customer_id,
    cast(1 + {{ podium.div('5 * (rank() over (order by last_purchase_date) - 1)', 'count(*) over ()') }} as integer) as recency_score,
    cast(1 + {{ podium.div('5 * (rank() over (order by total_orders) - 1)', 'count(*) over ()') }} as integer) as frequency_score,
    cast(1 + {{ podium.div('5 * (rank() over (order by lifetime_value) - 1)', 'count(*) over ()') }} as integer) as monetary_score
  from totals
  where total_orders > 0
)

select
  {{ podium.hash60('totals.customer_id') }} as customer_key,
  totals.customer_id,
  case when monetary_score = 5 then 'High value' when monetary_score >= 3 then 'Mid value' when monetary_score >= 1 then 'Low value'
    else 'No purchase' end as customer_segment,
  lifetime_value,
  total_orders,
  total_spent,
  {{ podium.ratio('total_spent', 'total_orders') }} as avg_order_value,
  recency_score,
  frequency_score,
  monetary_score,
  case
    when recency_score is null then 'No purchase'
    when recency_score >= 4 and frequency_score + monetary_score >= 8 then 'Champion'
    when recency_score >= 4 and frequency_score + monetary_score >= 5 then 'Potential loyalist'
    when recency_score >= 4 then 'New or occasional'
    when recency_score = 3 and frequency_score + monetary_score >= 8 then 'Loyal'
    when recency_score = 3 then 'Needs attention'
    when frequency_score + monetary_score >= 8 then 'At risk'
    when frequency_score + monetary_score >= 5 then 'Hibernating'
    else 'Lost' end as rfm_segment,
  coalesce(last_purchase_date >= {{ podium.add_days(podium.as_of(), -var('inactive_after_days', 90)) }}, false) as is_active,
  first_purchase_date,
  last_purchase_date,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from totals
left join scores on scores.customer_id = totals.customer_id
union all
select -1, 'UNKNOWN', 'Unknown', null, null, null, null, null, null, null, 'Unknown', null, null, null,
  {{ podium.run_time() }}, {{ podium.run_time() }}
