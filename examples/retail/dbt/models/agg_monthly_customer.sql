{% set days = var('inactive_after_days', 90) %}
{% set decided_on = podium.add_days('last_day(' ~ podium.key_date('nullif(month_key, -1)') ~ ')', days) %}
{% set decided_by = (days + 27) // 28 %}
{% set changed = [] %}
{% for n in range(decided_by + 1) %}
  {% do changed.append(podium.month_key('date_key', -n)) %}
{% endfor %}
-- depends_on: {{ ref('agg_daily_sales') }}: control totals are those of the days, which are the facts' own and take less to read.
-- News of a month changes it and those before it that it decides on; without news months are decided on whose days without a purchase are over.
{{ config(
  unique_key=['customer_key', 'month_key'], affect_key='month_key',
  affected_from={
    'fact_sale': changed, 'agg_daily_sales': podium.month_key('date_key'),
    'this': 'case when is_churned is null and customer_key <> -1 and ' ~ decided_on ~ ' < ' ~ podium.as_of() ~ ' then month_key end',
  },
  control_totals={
    'monthly_spending': {'this': 'sum(monthly_spending)', 'from': 'agg_daily_sales', 'equals': 'sum(daily_revenue)'},
    'monthly_quantity': {'this': 'sum(monthly_quantity)', 'from': 'agg_daily_sales', 'equals': 'sum(daily_quantity)'},
    'transaction_count': {'this': 'sum(transaction_count)', 'from': 'agg_daily_sales', 'equals': 'sum(transaction_count)'},
  },
) }}

with facts as (
  select customer_key, {{ podium.month_key('date_key') }} as month_key, date_key, invoice_no, transaction_type, quantity, total_amount
  from {{ ref('fact_sale') }}
  {% if podium.incremental() %}
  {% set first, last = podium.affected_bounds() %}
  where date_key between {{ first }} and coalesce({{ podium.month_key(last, decided_by) }}, -1) + 30
  {% endif %}
),

months as (
  select
    customer_key,
    month_key,
    cast(sum(total_amount) as decimal(28,3)) as monthly_spending,
    cast(sum(quantity) as bigint) as monthly_quantity,
    cast(count(*) as bigint) as transaction_count,
    cast(count(distinct case when transaction_type = 'sale' then invoice_no end) as bigint) as monthly_orders,
    sum(case when transaction_type = 'sale' then total_amount end) as spent,
    min(case when transaction_type = 'sale' then date_key end) as first_purchase
  from facts
  {% if podium.incremental() %}
  where month_key in (
    select month_key from {{ podium.affected() }} affected
    {% for n in range(1, decided_by + 1) %}
    union select {{ podium.month_key('month_key', n) }} from {{ podium.affected() }} affected
    {% endfor %}
  )
  {% endif %}
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
{% if podium.incremental() %}where month_key in {{ podium.affected() }}{% endif %}
