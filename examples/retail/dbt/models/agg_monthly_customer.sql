{% set days = var('inactive_after_days', 90) %}
{% set decided_on = podium.add_days('last_day(' ~ podium.key_date('nullif(month_key, -1)') ~ ')', days) %}
-- All months of a customer that has news; and without news those whose days without a purchase are over by now.
{{ config(
  unique_key=['customer_key', 'month_key'], affect_key='customer_key',
  affected_from={
    'fact_sale': 'customer_key',
    'this': 'case when is_churned is null and customer_key <> -1 and ' ~ decided_on ~ ' < ' ~ podium.as_of() ~ ' then customer_key end',
  },
  control_totals={
    'monthly_spending': {'this': 'sum(monthly_spending)', 'from': 'fact_sale', 'equals': 'sum(total_amount)'},
    'monthly_quantity': {'this': 'sum(monthly_quantity)', 'from': 'fact_sale', 'equals': 'sum(quantity)'},
    'transaction_count': {'this': 'sum(transaction_count)', 'from': 'fact_sale', 'equals': 'count(*)'},
  },
) }}

with months as (
  select
    customer_key,
    month_key,
    cast(sum(total_amount) as decimal(28,3)) as monthly_spending,
    cast(sum(quantity) as bigint) as monthly_quantity,
    cast(count(*) as bigint) as transaction_count,
    cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as bigint) as monthly_orders,
    sum(case when transaction_type = 'sale' then total_amount end) as spent,
    min(case when transaction_type = 'sale' then date_key end) as first_purchase
  from (
    select
      customer_key, case when date_key = -1 then -1 else date_key - date_key % 100 + 1 end as month_key, date_key, invoice_no,
      transaction_type, quantity, total_amount
    from {{ ref('fact_sale') }}
    {% if podium.incremental() %}where customer_key in {{ podium.affected() }}{% endif %}
  ) facts
  group by customer_key, month_key
),

followed as (
  select
    *,
    {{ decided_on }} as decided_on,
    {{ podium.key_date('nullif(min(first_purchase) over (partition by customer_key order by month_key rows between 1 following '
                       ~ 'and unbounded following), -1)') }} as next_purchase
  from months
)

select
  customer_key,
  month_key,
  monthly_spending,
  monthly_quantity,
  transaction_count,
  monthly_orders,
  {{ podium.ratio('spent', 'monthly_orders') }} as avg_monthly_order_value,
  case
    when customer_key = -1 then null
    when next_purchase <= decided_on then false
    when decided_on < {{ podium.as_of() }} then true end as is_churned,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from followed
